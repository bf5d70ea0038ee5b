"""Words that fill the blanks of the stories, and what is said before and after them."""

from __future__ import annotations

EMOJI = {
    "ball": ("⚽️", "⚽️💚"),
    "balloons": ("🎈", "🌅😊"),
    "bay": ("🌊", "⛵️📷"),
    "beach": ("🐚", "🌴☀️"),
    "cafe": ("☕️✨", "☕️", "🍰", "😋🍜"),
    "city": ("🌃", "💡🙏"),
    "dunes": ("🏜️", "🐫"),
    "flowers": ("🌼", "💐😊", "🐈"),
    "forest": ("🌿", "🌲🌫️"),
    "lake": ("🌅", "🛶"),
    "lanterns": ("🏮", "✨🙏"),
    "lotus": ("🪷", "🪷🙏"),
    "peaks": ("🏔️", "⛰️🌄"),
    "rain": ("🌧️☔️", "☔️"),
    "rows": ("🌾", "🌱👨‍👩‍👧‍👦"),
    "sea": ("🌊", "🌅🐚"),
    "snow": ("❄️", "🏔️❄️"),
    "stadium": ("⚽️🔥", "💚💚", "🏆"),
    "stars": ("⭐️", "🌌"),
    "street": ("🏮", "🎉"),
    "temple": ("🙏", "🇹🇭🙏"),
    "terraces": ("🌾", "🌾💚"),
}
GREETINGS = {
    "th": ("สวัสดีตอนเช้าค่ะ", "ข่าวดี!", "ประกาศครับ", "อรุณสวัสดิ์", "มาแล้วจ้า", "เตือนกันลืม:"),
    "en": ("Good morning!", "News:", "Look at this.", "Reminder:", "Hello from us.", "Finally!"),
    "vi": ("Chào buổi sáng!", "Tin vui:", "Cả nhà ơi,", "Nhắc nhẹ:", "Mới đây thôi,"),
}
FAREWELLS = {
    "th": (
        "แล้วเจอกันนะคะ",
        "ขอบคุณทุกคนมากครับ",
        "แชร์ต่อได้เลย",
        "สอบถามทางข้อความได้ตลอด",
        "ใครไปบ้าง ยกมือหน่อย",
        "ฝนหรือแดดก็เจอกัน",
    ),
    "en": (
        "See you there.",
        "Thank you, all of you.",
        "Bring a friend.",
        "Questions? Send us a message.",
        "More pictures in the comments.",
        "Same time next week.",
    ),
    "vi": (
        "Hẹn gặp lại!",
        "Cảm ơn mọi người nhiều.",
        "Nhớ rủ thêm bạn nhé.",
        "Chia sẻ giúp tụi mình nha.",
    ),
}
TAGS = {
    "community": ("#บ้านริมน้ำ", "#BaanRimNam", "#ชุมชนของเรา", "#riverside", "#จิตอาสา"),
    "cafe": ("#กาแฟดอย", "#slowcoffee", "#DoiMorning", "#คาเฟ่เปิดใหม่", "#càphê"),
    "football": ("#SongXanhFC", "#bóngđá", "#oneriver", "#ฟุตบอล", "#matchday"),
    "travel": ("#slowroads", "#vanlife", "#เที่ยวช้าๆ", "#duLịch", "#roadtrip"),
}
WORDS = {
    "th": {
        "cake": ("บานอฟฟี่", "ครัวซองต์เนยสด", "เค้กส้ม", "ขนมปังกระเทียม", "ชีสเค้ก"),
        "day": ("วันเสาร์นี้", "วันอาทิตย์นี้", "เย็นวันศุกร์", "พรุ่งนี้", "วันพระหน้า", "สิ้นเดือนนี้"),
        "time": ("8 โมงเช้า", "9.30 น.", "บ่ายสอง", "17.00 น.", "หกโมงเย็น", "19.30 น."),
        "place": ("ศาลาริมน้ำ", "ลานต้นโพธิ์", "ห้องสมุดชุมชน", "ท่าเรือเก่า", "สนามโรงเรียน", "หน้าวัด"),
        "who": ("ป้าสมใจ", "ลุงวิชัย", "น้องมะลิ", "ครูแก้ว", "พี่ต้น", "ยายบัว", "โค้ชเอก"),
        "food": (
            "แกงเขียวหวาน",
            "ข้าวต้มปลา",
            "ขนมครก",
            "ข้าวซอย",
            "ข้าวเหนียวมะม่วง",
            "บานอฟฟี่",
            "ครัวซองต์",
        ),
    },
    "en": {
        "cake": ("carrot cake", "banana bread", "sesame buns", "orange tart", "croissants"),
        "day": ("on Saturday", "on Sunday", "this Friday", "tomorrow", "next week", "on the 14th"),
        "time": ("7:30", "9 o'clock", "noon", "4 pm", "half past six", "20:00"),
        "place": (
            "the old pier",
            "the school yard",
            "the library",
            "the market hall",
            "the bridge",
        ),
        "who": ("Aunt Somjai", "Mr. Wichai", "little Mali", "Minh", "Coach Ek", "Linh", "old Tam"),
        "food": (
            "green curry",
            "banana bread",
            "khao soi",
            "sesame buns",
            "fish soup",
            "carrot cake",
        ),
    },
    "vi": {
        "cake": ("bánh chuối", "bánh mì bơ tỏi", "bánh flan", "bánh su kem"),
        "day": ("thứ Bảy này", "Chủ nhật", "tối thứ Sáu", "ngày mai", "cuối tuần sau"),
        "time": ("6 giờ sáng", "9 giờ", "16 giờ 30", "18 giờ", "19 giờ 45"),
        "place": ("bến cũ", "sân trường", "nhà văn hóa", "chợ phiên", "sân số 2", "đầu làng"),
        "who": ("cô Lan", "chú Bảy", "em Minh", "bạn Thảo", "huấn luyện viên Tâm", "bà Sáu"),
        "food": ("phở gà", "bánh chuối", "bún bò", "chè đậu xanh", "bánh xèo", "cơm tấm"),
    },
}
ARTICLES = (
    ("rivernews.example.org", "How a village taught its river to be clean again"),
    ("www.mekong-post.example.com", "ตลาดเช้าริมโขงที่ยังใช้เรือพาย"),
    ("blog.slowfood.example.net", "Twelve soups for the rainy season"),
    ("baovuon.example.vn", "Mùa sen cuối cùng trước mưa lũ"),
    (
        "daily.hillpeople.example.org",
        "Fifty years of roasting coffee on one fire",
    ),
    ("sport.example.vn", "Những sân bóng đẹp nhất giữa ruộng lúa"),
    ("stars.example.org", "Ten dark places where the Milky Way still casts a shadow"),
    ("craft.example.co.th", "ช่างโคมคนสุดท้ายของเมืองเก่า"),
)
