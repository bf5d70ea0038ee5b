"""What the made-up Pages tell: each story with the scenes that go with it.

A story is (scenes, text); words in braces are filled in by :mod:`fbsyncd.simulator.texts`.
"""

from __future__ import annotations

Story = tuple[str, str]

_COMMUNITY_TH = (
    ("temple lake", "{day}ชวนทุกคนมาทำบุญตักบาตรที่{place} เริ่ม {time} เตรียมเสื่อมาเองได้เลย"),
    ("lanterns street", "คืนลอยกระทงปีนี้มีคนมาร่วมงานกว่า {n} คน ขอบคุณทุกแรงที่ช่วยกันเก็บกวาดจนเช้า"),
    ("flowers lotus", "สวนหลังศูนย์ออกดอกแล้ว {who}รดน้ำทุกเช้าไม่เคยขาด แวะมาดูกันได้ทั้งวัน"),
    ("lake sea", "เช้านี้ที่{place}น้ำนิ่งเหมือนกระจก {who}ถ่ายมาฝากก่อนไปตลาด"),
    ("cafe", "เปิดครัวชุมชน{day} เมนู{food} หม้อใหญ่ ใครมาก่อนได้ก่อน กินฟรีทุกคน"),
    ("rain street", "ฝนตกหนักทั้งคืน ทางเข้าศูนย์ยังเดินได้ แต่ขอให้จอดรถที่วัดก่อนนะคะ"),
    ("terraces rows", "วันลงแขกเกี่ยวข้าวของหมู่บ้าน {day} เจอกันที่{place} {time} มีข้าวห่อให้ทุกคน"),
    ("balloons peaks", "เด็กๆ จากห้องเรียนวันเสาร์ {n} คน ไปดูบอลลูนมาแล้ว ยิ้มไม่หุบเลย"),
    ("city street", "ประชุมเรื่องไฟถนนซอย {n} {day} {time} ที่{place} ขอให้บ้านละหนึ่งคนนะครับ"),
    ("flowers", "{who}สอนจัดดอกไม้ฟรี รับ {n} คน ลงชื่อได้ที่เคาน์เตอร์หรือทักข้อความมาค่ะ"),
    ("temple", "บูรณะเจดีย์เสร็จไปอีกชั้นแล้ว ขอบคุณช่างทุกท่านและเจ้าภาพ {n} ราย"),
    ("stars lanterns", "คืนนี้ท้องฟ้าเปิด ใครมีกล้องดูดาวยกมาที่{place}ได้เลย เด็กๆ รออยู่"),
    ("rows terraces", "แปลงผักหน้าศูนย์เก็บได้ {n} กิโลแล้ว ใครอยากได้ผักสดแวะมาตัดเองที่{place}"),
    ("street city", "ตลาดนัดคนเดินซอยเราเปิด{day} {time} ร้าน{who}มี{cake}ด้วยนะ"),
    ("peaks lake", "พาผู้สูงอายุ {n} คนไปเที่ยวเขื่อน ลมเย็น คุยกันสนุกทั้งคัน"),
    ("ball", "ฟุตบอลกระชับมิตรสองหมู่บ้านจบ {goals} แพ้ชนะไม่รู้ กินข้าวด้วยกันคือดี"),
    ("sea bay", "เก็บขยะริมน้ำรอบนี้ได้ {n} กระสอบ เหนื่อยแต่ชื่นใจ รอบหน้า{day}"),
)
_COMMUNITY_EN = (
    ("lake sea", "The river this morning, before anybody was up. Thank you {who} for the photo."),
    ("flowers lotus", "Our lotus pond has {n} flowers today. Somebody counted them twice."),
    ("cafe", "Free lunch {day} at {place}: {food}, rice, and as much tea as you like."),
    ("terraces forest", "{n} of us planted trees above {place}. {who} planted the last one."),
    (
        "lanterns street",
        "Lantern workshop {day}, {time}. We have paper and bamboo, bring scissors.",
    ),
    ("rain", "Rain all night. The library stays open for everyone whose roof does not."),
    ("rows flowers", "The school garden gave {n} kilos this week. The snails got the rest."),
    ("beach", "Summer camp: {n} children, one beach, zero lost shoes. A record."),
    ("temple", "Evening at {place}. No filter, just the sky doing its work."),
    ("city rain", "The new street lights on the bridge are on. It only took {n} letters."),
    (
        "stars",
        "Star night {day}: two telescopes, hot soup, and {who} who knows every name.",
    ),
)
_COMMUNITY_VI = (
    ("lake lotus", "Sáng nay ở {place}, sen nở {n} bông. Mời cả nhà ghé chơi."),
    ("lanterns street", "Lớp làm đèn lồng {day}, {time}. Trẻ em đi cùng ba mẹ được miễn phí."),
    ("cafe", "{day} bếp cộng đồng nấu {food}. Ai cũng được mời, nhớ mang theo hộp nhé."),
    ("rain city", "Mưa lớn, lớp {day} chuyển vào trong nhà. Ai cần áo mưa cứ nói nhé."),
    ("sea bay", "Cảm ơn {n} bạn đã cùng dọn rác bờ sông. Hẹn gặp lại {day}."),
)
_CAFE_TH = (
    ("cafe", "วันนี้มี{cake} ออกจากเตาตอน {time} หมดแล้วหมดเลยนะคะ"),
    ("cafe forest", "หมอกลงหน้าร้านตั้งแต่ตีห้า กาแฟดริปแก้วแรกของวันเป็นของ{who}"),
    ("peaks forest", "วิวจากระเบียงเช้านี้ ทะเลหมอกเต็มหุบเขา ร้านเปิด {time} เหมือนเดิม"),
    ("flowers", "ดอกไม้บนโต๊ะสัปดาห์นี้จากสวนของ{who} ใครชอบดอกไหนขอกลับบ้านได้"),
    ("rain cafe", "ฝนตกแบบนี้ นั่งริมหน้าต่างดีที่สุด ช็อกโกแลตร้อนลด 20 บาททั้งวัน"),
    ("rows terraces", "เมล็ดใหม่จากไร่หลังดอย ผลผลิตปีนี้ {n} กิโล คั่วอ่อน หอมส้ม ลองชิมฟรี"),
    ("cafe", "ปิดร้าน{day} พาทีมงานไปพัก กลับมาเจอกันพร้อมเมนูใหม่นะครับ"),
    ("snow peaks", "หนาวสุดของปี เก้าองศา กาแฟเย็นเร็วหน่อย แต่ฟ้าสวยมาก"),
    ("stars lanterns", "คืน{day}มีดนตรีสดใต้แสงดาว เริ่ม {time} ไม่ต้องจอง มาแล้วหาที่นั่งกันเอง"),
    ("cafe flowers", "ครบรอบสามปีของร้าน ขอบคุณทุกแก้วที่สั่ง ทุกยิ้มที่ให้กันค่ะ"),
)
_CAFE_EN = (
    ("cafe", "Single origin of the week: light roast, notes of orange and honey. {n} cups a day."),
    ("peaks forest", "Good morning from the terrace. The fog is in no hurry and neither are we."),
    ("cafe", "Fresh from the oven: {cake}. You have until {time}."),
    (
        "rain cafe",
        "Rainy day menu: ginger tea, warm bread, a seat by the window and time.",
    ),
    ("rows", "Harvest has begun. {who} and {n} neighbours are picking above the shop."),
    ("flowers", "Please do not feed the cat. She has had {n} breakfasts already."),
    ("street lanterns", "Open late {day}. Candles on every table, last order {time}."),
)
_CAFE_VI = (
    ("cafe", "Cà phê trứng đã có mặt ở quán. Hôm nay {n} ly đầu tiên được tặng bánh."),
    ("rain", "Mưa rồi, ghé quán ngồi một chút nha. Có {cake} nóng đang chờ."),
    ("forest peaks", "Sương xuống tới hiên nhà. {who} nói mùa này cà phê ngon nhất."),
)
_FOOTBALL_VI = (
    ("stadium ball", "Kết thúc trận đấu! Sông Xanh {goals}. Cảm ơn {n} cổ động viên đã tới sân."),
    ("stadium ball", "Tập luyện tối nay lúc {time} ở {place}. Đội U15 đến sớm 15 phút."),
    ("stadium city", "Vé trận {day} đã mở bán. Khán đài A còn {n} chỗ."),
    ("sea lake", "Chạy bộ phục hồi dọc bờ sông cùng {who}. Chân mỏi, lòng vui."),
    ("stadium ball", "Cầu thủ xuất sắc nhất tháng: {who}! Cả đội chúc mừng bạn."),
    ("rain stadium", "Trận đấu hoãn vì mưa lớn. Lịch mới: {day}, {time}."),
    ("cafe", "Sau trận là {food}. Đội nào thua thì rửa bát."),
)
_FOOTBALL_EN = (
    ("stadium ball", "FULL TIME. Song Xanh {goals}. What a night, what a crowd: {n} of you!"),
    ("stadium ball", "Matchday. Kick-off {time}. Wear green, bring your voice."),
    (
        "stadium rows",
        "Open training {day}, girls and boys from 8 to 14. {n} pairs of boots to borrow.",
    ),
    (
        "lanterns street",
        "The bus came home at midnight and half the town was there. Thank you.",
    ),
    ("peaks lake", "Pre-season camp, day nine. {who} won the mountain run. Again."),
)
_FOOTBALL_TH = (
    ("stadium ball", "จบเกม! ซงซันห์ {goals} ขอบคุณแฟนบอล {n} คนที่ตะโกนไม่หยุดทั้งเก้าสิบนาที"),
    ("stadium ball", "คัดตัวนักเตะเยาวชน {day} {time} ที่{place} เอารองเท้ามาเองนะครับ"),
    ("rain stadium", "ซ้อมกลางฝนกับ{who} เปียกทั้งทีมแต่หัวเราะกันทั้งสนาม"),
)
_TRAVEL_EN = (
    ("dunes", "Slept in the dunes. {n} kilometres of nobody, and then the sun came up."),
    ("bay sea", "A wooden boat, {who} at the tiller, and rocks that look like sleeping dragons."),
    ("beach", "Low tide, one palm, no signal. We stay."),
    ("stars snow", "Minus twelve outside the van. Worth getting up for this sky."),
    ("balloons", "They took off at {time} and for an hour the whole valley whispered."),
    ("snow peaks", "The pass opened today. {who} had the kettle on at the top."),
    ("city rain", "Last night in the city. Noodles at {place}, then the long road north."),
    ("forest lake", "Camped by a lake that is on none of our three maps."),
    ("terraces rows", "Stopped for one photo, stayed for the harvest and for {food}."),
    ("temple", "We promised no more temples. Then we turned a corner."),
    ("street lanterns", "The old town after dark: every lantern is somebody's grandmother's work."),
)
_TRAVEL_TH = (
    ("bay sea", "นั่งเรือหางยาวออกจากฝั่งตอน {time} ถึงเกาะก่อนแดดแรงพอดี น้ำใสมาก"),
    ("peaks snow", "ขึ้นดอยรอบนี้ {n} กิโล ขาสั่นทั้งทาง แต่พอถึงยอดหายเหนื่อยเลย"),
    ("dunes", "ใครจะคิดว่าบ้านเรามีทะเลทราย เดินกันจน{who}รองเท้าหายไปข้าง"),
    ("terraces", "นาขั้นบันไดเดือนนี้เขียวสุดๆ แวะพักบ้าน{who} ได้กิน{food} อร่อยจนต้องขอสูตร"),
    ("lanterns", "โคมยี่เป็งปีนี้ {n} ดวงพร้อมกัน ยืนดูแล้วน้ำตาซึม"),
    ("beach", "หยุดยาวนี้ขอนอนฟังเสียงคลื่นอย่างเดียว {day}ค่อยกลับไปทำงานต่อ"),
    ("stars", "ปิดไฟรถแล้วเงยหน้า ทางช้างเผือกเต็มฟ้า ไม่มีอะไรต้องพูดอีก"),
)
_TRAVEL_VI = (
    ("bay", "Vịnh sớm nay như tranh thủy mặc. {who} chèo thuyền, tụi mình chỉ biết im lặng."),
    ("terraces", "Mùa lúa chín ở {place}: vàng từ chân núi tới mây."),
    ("street lanterns", "Phố cổ lên đèn, đi bộ {n} phút mà dừng lại chụp hình cả trăm lần."),
    ("peaks forest", "Đèo sáng nay mây phủ kín. Uống trà với {who} chờ trời hửng."),
)

STORIES: dict[str, dict[str, tuple[Story, ...]]] = {
    "community": {"th": _COMMUNITY_TH, "en": _COMMUNITY_EN, "vi": _COMMUNITY_VI},
    "cafe": {"th": _CAFE_TH, "en": _CAFE_EN, "vi": _CAFE_VI},
    "football": {"vi": _FOOTBALL_VI, "en": _FOOTBALL_EN, "th": _FOOTBALL_TH},
    "travel": {"en": _TRAVEL_EN, "th": _TRAVEL_TH, "vi": _TRAVEL_VI},
}
