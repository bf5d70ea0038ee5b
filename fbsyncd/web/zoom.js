// Zoom and swipe for one picture on its stage: wheel, pinch, double click, drag.

const MOST = 6; // times its fitting size
const SWIPE = 60; // pixels sideways that turn to the next picture

// Returns what buttons and keys need. `turn` is told -1 or 1 when the picture was swiped away.
export function zoomable(stage, picture, turn) {
  let scale = 1, x = 0, y = 0;
  const fingers = new Map(); // pointer id -> where it is
  let start = null, apart = 0;

  function show() {
    if (scale === 1) x = y = 0;
    const room = { x: stage.clientWidth * (scale - 1) / 2, y: stage.clientHeight * (scale - 1) / 2 };
    x = Math.min(room.x, Math.max(-room.x, x));
    y = Math.min(room.y, Math.max(-room.y, y));
    picture.style.transform = scale === 1 ? "" : `translate(${x}px, ${y}px) scale(${scale})`;
    stage.classList.toggle("zoomed", scale > 1);
  }

  // What lies under the point (from the middle of the stage) stays there.
  function to(wanted, at = { x: 0, y: 0 }) {
    const next = Math.min(MOST, Math.max(1, wanted));
    x = at.x - (at.x - x) * next / scale;
    y = at.y - (at.y - y) * next / scale;
    scale = next;
    show();
  }

  function fromMiddle({ clientX, clientY }) {
    const { left, top, width, height } = stage.getBoundingClientRect();
    return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
  }

  const spread = () => {
    const [one, other] = [...fingers.values()];
    return Math.hypot(one.x - other.x, one.y - other.y);
  };

  stage.onwheel = (event) => {
    event.preventDefault();
    to(scale * Math.exp(-event.deltaY / 400), fromMiddle(event));
  };
  stage.ondblclick = (event) => to(scale > 1 ? 1 : 2.5, fromMiddle(event));
  stage.onpointerdown = (event) => {
    if (event.button) return;
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, fromMiddle(event));
    start = fingers.size === 1 ? fromMiddle(event) : null;
    if (fingers.size === 2) apart = spread();
  };
  stage.onpointermove = (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = fromMiddle(event);
    fingers.set(event.pointerId, now);
    if (fingers.size === 2) {
      to(scale * spread() / apart, now);
      apart = spread();
    } else if (scale > 1) {
      x += now.x - before.x;
      y += now.y - before.y;
      show();
    }
  };
  stage.onpointerup = (event) => {
    const now = fromMiddle(event);
    if (start && scale === 1 && Math.abs(now.x - start.x) > SWIPE) turn(now.x < start.x ? 1 : -1);
    stage.onpointercancel(event);
  };
  stage.onpointercancel = (event) => {
    fingers.delete(event.pointerId);
    start = null;
  };

  show();
  return {
    by: (factor) => to(scale * factor),
    reset: () => to(1),
    toggle: () => to(scale > 1 ? 1 : 2.5),
  };
}
