"""Draw the README picture: two parrots repeat themselves because a cracked record is stuck.

Run from the repository root:

    pip install resvg-py
    python img/draw_parrot.py

The script writes broken_record_parrot.svg and broken_record_parrot.png next to itself. The SVG
needs only the standard library; the PNG needs the PyPI package resvg-py, and a sans-serif font
such as DejaVu Sans for the words in the speech bubbles.
"""

from pathlib import Path

RED, DEEP_RED, YELLOW, AMBER = "#ef4444", "#c92f3a", "#ffc93c", "#f0962e"
GREEN, BLUE, DEEP_BLUE, ORANGE, BROWN = "#2fae66", "#2b7de0", "#1b57b0", "#e0874a", "#a8552f"
INK, SLATE, STEEL, GREY = "#1d2233", "#39405a", "#59627f", "#8b95b3"
SILVER, WHITE, SAND, TEAL, DARK_TEAL = "#d5dde8", "#ffffff", "#ffe3b0", "#17707a", "#0f5059"


def path(d: str, fill: str = "none", stroke: str = "none", width: float = 0, more: str = "") -> str:
    """One SVG path; round caps and joins are inherited from the root element."""
    return f'<path d="{d}" fill="{fill}" stroke="{stroke}" stroke-width="{width}" {more}/>'


def ellipse(x: float, y: float, rx: float, ry: float, fill: str = "none", more: str = "") -> str:
    """One SVG ellipse."""
    return f'<ellipse cx="{x}" cy="{y}" rx="{rx}" ry="{ry}" fill="{fill}" {more}/>'


def group(art: str, transform: str, opacity: float = 1) -> str:
    """The art, moved, turned or scaled, and perhaps faded."""
    return f'<g transform="{transform}" opacity="{opacity}">{art}</g>'


def background() -> str:
    """Rounded panel with rays and a sun, so that the picture works on light and dark pages."""
    rays = 'stroke="#fff" stroke-width="1300" stroke-dasharray="113.45" stroke-opacity=".05" '
    rays += 'stroke-linecap="butt"'
    art = path("M0 0H1200V600H0Z", TEAL) + ellipse(360, 250, 650, 650, more=rays)
    art += path("M0 490H1200V600H0Z", DARK_TEAL) + ellipse(360, 250, 215, 215, "#bfe8d8")
    panel = '<clipPath id="panel"><rect width="1200" height="600" rx="36"/></clipPath>'
    return f'{panel}<g clip-path="url(#panel)">{art}</g>'


def furniture() -> str:
    """The turntable's box with its buttons, and the loudspeaker."""
    art = ellipse(475, 577, 440, 13, "#0a3a41") + ellipse(1040, 577, 130, 11, "#0a3a41")
    art += path("M100 560h60v18h-60zM790 560h60v18h-60z", INK)
    art += path("M61 526H889V556Q889 570 875 570H75Q61 570 61 556Z", BROWN)
    top = "M150 338H800Q816 338 822 350L888 524Q892 536 876 536H74Q58 536 62 524L128 350"
    art += path(top + "Q134 338 150 338", ORANGE) + ellipse(740, 508, 10, 4, RED)
    art += ellipse(800, 508, 24, 9, BROWN) + ellipse(800, 503, 24, 9, SAND)
    art += path("M935 494h210v82h-210z", SLATE) + path("M955 474h170l20 20h-210z", STEEL)
    cone = f'stroke="{GREY}" stroke-width="4"'
    return art + ellipse(1040, 535, 32, 32, STEEL, cone) + ellipse(1040, 535, 11, 11, INK)


def record() -> str:
    """The vinyl, drawn flat and then tilted: platter, grooves, shine, label, stuck loop, crack."""
    art = ellipse(0, 40, 303, 303, GREY) + ellipse(0, 13, 303, 303, SILVER)
    art += ellipse(0, 0, 295, 295, INK)
    for radius in range(106, 292, 11):
        art += ellipse(0, 0, radius, radius, more='stroke="#454a5e" stroke-width="2"')
    shine = "M0 0L222 -186A290 290 0 0 1 277 -85ZM0 0L-222 186A290 290 0 0 1 -277 85Z"
    art += path(shine, WHITE, more='opacity=".14"') + ellipse(0, 0, 92, 92, "#ff8a3d")
    art += ellipse(0, 0, 70, 70, more='stroke="#fff" stroke-width="4"') + ellipse(0, 0, 9, 9, WHITE)
    loop = f'stroke="{YELLOW}" stroke-width="6" stroke-dasharray="22 11"'
    crack = "M35 90L70 110L61 140L98 163L90 193L126 210L121 237L148 260"
    crack += "L164 250L138 230L144 203L107 187L114 160L76 137L83 107Z"
    art += ellipse(0, 0, 212, 212, more=loop) + path(crack, SILVER, SILVER, 9)
    return group(art, "translate(430 436) scale(1 .3)")


def tone_arm() -> str:
    """The arm on its pivot, the needle in the stuck loop with sparks, and a repeating note."""
    art = ellipse(780, 400, 46, 17, BROWN) + ellipse(780, 392, 44, 16, SLATE)
    art += path("M760 362h40v26q-20 12-40 0z", STEEL) + ellipse(780, 362, 20, 8, GREY)
    art += path("M792 349L818 332", stroke=SLATE, width=28)
    arm = "M806 340L728 394Q714 404 698 409L654 440"
    art += path(arm, stroke=GREY, width=12) + path(arm, stroke=WHITE, width=7)
    art += path("M626 456v7M602 458l-24-3m30-11l-17-14m33 6l-5-19", stroke=WHITE, width=5)
    art += path("M656 438L630 450", stroke=RED, width=20)
    note = ellipse(0, 0, 11, 8, SAND) + path("M9 0V-42q4 14 18 18", stroke=SAND, width=5)
    for x, y, opacity in ((640, 330, 0.9), (702, 304, 0.6), (764, 278, 0.3)):
        art += group(note, f"translate({x} {y})", opacity)
    return art


def feathers(
    count: int, first: tuple[int, int, int], last: tuple[int, int, int], size: int, fill: str
) -> str:
    """A row of hanging feathers of this length; first and last are x, y and clockwise turn."""
    art, w, top = "", min(20, size // 4 - 2), size // 5
    shape = f"M0 0C{w} {top} {1.7 * w:g} {size} 0 {size}C{-1.7 * w:g} {size} {-w} {top} 0 0Z"
    for step in range(count):
        x, y, turn = (a + (b - a) * step / (count - 1) for a, b in zip(first, last, strict=True))
        one = path(shape, fill, INK, 1.2, 'stroke-opacity=".25"')
        art += group(one, f"translate({x:g} {y:g}) rotate({turn:g})")
    return art


def head(shade: str) -> str:
    """Open hooked beak, face patch and eye."""
    tongue = "M512 192C518 212 532 219 547 214C543 200 532 190 522 188Z"
    beak = "M504 110C548 102 590 128 592 172C593 192 588 206 582 218C576 198 560 188 504 190Z"
    tip = "M562 118C585 132 593 152 592 172C593 192 588 206 582 218C577 200 566 191 546 189"
    face = "M508 110C470 98 436 118 438 152C440 190 470 206 506 194C512 168 512 138 508 110Z"
    art = path("M502 184C508 216 528 230 554 224C562 206 550 190 530 182Z", INK)
    art += path(tongue, "#f0788e") + path(beak, "#ffd58a") + ellipse(522, 130, 5, 4, INK)
    art += path(tip + "C568 176 572 146 562 118Z", INK) + path(face, WHITE)
    art += path("M452 178q14 8 34 5M462 190q12 4 24 2", stroke=shade, width=3)
    art += ellipse(472, 143, 20, 21, WHITE, f'stroke="{INK}" stroke-width="3"')
    art += ellipse(475, 143, 14, 15, YELLOW) + ellipse(477, 143, 10, 11, INK)
    return art + ellipse(481, 138, 4, 4, WHITE)


def parrot(colour: str, shade: str, place: str) -> str:
    """A whole bird that faces right: shadow, tail, feet, crest, body, wing, head."""
    art = ellipse(425, 442, 95, 15, INK, 'opacity=".5"')
    art += feathers(3, (372, 350, 64), (400, 372, 52), 240, BLUE)
    art += feathers(3, (380, 352, 62), (402, 375, 48), 200, shade)
    for x, y in ((412, 432), (466, 438)):
        art += path(f"M{x} {y - 40}v34l30 7m-30-7l10 13m-10-13l-22 7", stroke="#7b829c", width=13)
        art += path(f"M{x + 31} {y + 1}l8 4m-29 2l5 6m-37-12l-7 4", stroke=INK, width=6)
    art += feathers(3, (412, 104, 122), (440, 86, 165), 48, shade)
    body = "M452 80C505 80 530 118 524 162C520 195 520 208 524 226C548 280 540 350 492 396"
    body += "C455 424 400 420 366 394C322 360 322 290 345 236C364 192 376 178 378 150"
    body += "C382 106 412 80 452 80Z"
    belly = "M514 190C525 310 490 390 415 413C440 417 470 412 492 396C540 350 548 280 524 226Z"
    art += path(body, colour) + path(belly, shade, more='opacity=".55"')
    art += feathers(5, (340, 305, 33), (412, 330, 17), 135, DEEP_BLUE)
    art += feathers(5, (338, 285, 30), (424, 305, 12), 92, BLUE)
    art += feathers(5, (340, 260, 28), (434, 275, 8), 72, GREEN)
    art += feathers(5, (350, 235, 26), (434, 245, 4), 60, YELLOW)
    shoulder = "M347 262C335 222 365 190 400 195C440 200 455 236 445 266"
    shoulder += "C430 284 410 270 396 278C380 266 358 280 347 262Z"
    return group(art + path(shoulder, shade) + head(shade), place)


def bubble(x: int, y: int, pointer: str, fill: str, lines: list[str]) -> str:
    """A speech bubble; pointer is the path data of its tail."""
    size = f'width="272" height="{26 + 42 * len(lines)}"'
    art = path(pointer, fill) + f'<rect x="{x}" y="{y}" {size} rx="28" fill="{fill}"/>'
    font = 'font-family="DejaVu Sans, Verdana, sans-serif" font-weight="bold" font-size="31"'
    for row, line in enumerate(lines):
        art += f'<text x="{x + 30}" y="{y + 45 + 42 * row}" {font} fill="{INK}">{line}</text>'
    return art


def picture() -> str:
    """The complete SVG."""
    art = background() + furniture() + record() + tone_arm()
    art += parrot(RED, DEEP_RED, "translate(-92 8)")
    art += parrot(YELLOW, AMBER, "translate(1260 246) scale(-.54 .54)")
    words = ["Hello again!", "Hello again!", "Hello ag"]
    art += bubble(580, 44, "M600 110L520 168L620 170Z", WHITE, words)
    art += bubble(884, 130, "M915 230L930 298L975 230Z", SAND, words[1:])
    root = 'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 600" stroke-linecap="round"'
    return f'<svg {root} stroke-linejoin="round"><title>Broken Record Parrot</title>{art}</svg>\n'


def main() -> None:
    """Write the SVG file and the PNG file."""
    from resvg_py import svg_to_bytes  # here, so that the drawing itself needs no package

    target = Path(__file__).with_name("broken_record_parrot.svg")
    target.write_text(picture(), encoding="utf-8")
    target.with_suffix(".png").write_bytes(svg_to_bytes(svg_string=picture(), width=1200))


if __name__ == "__main__":
    main()
