"""The sample characters. Each is a function that draws one and says where its joints are.

'right' is the figure's own right: the left of the image. Arms and legs stand away from the body, so that they can move.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from crayons import CRAYON, FELT_PEN, PENCIL, Point, Sheet
from shapes import box, colored, mirrored, oval, polygon, tube


@dataclass(frozen=True)
class Sketch:
    """A drawing and its joints, (x, y) px.

    Attributes:
        right: shoulder, elbow, hand, hip, knee, foot of the image's left side; `left`: of the other.
    """

    sheet: Sheet
    hip: Point
    torso: Point
    neck: Point
    right: tuple[Point, ...]
    left: tuple[Point, ...]


def crayon_girl() -> Sketch:
    """A girl with pigtails in a triangle of a dress, in wax crayon."""
    sheet, middle = Sheet(430, 540, seed=7), 214.0
    skin, brown, pink, dark, red, blue = (250, 205, 170), (120, 72, 36), (238, 92, 140), (60, 42, 40), (222, 52, 48), (56, 108, 200)
    soft = replace(CRAYON, width=10, strength=0.85)
    outline = (replace(CRAYON, width=5.5), dark)
    hem = [(128, 372), (150, 382), (172, 374), (194, 384), (216, 376), (238, 385), (260, 375), (282, 382), (303, 371)]
    for side in (1, -1):
        leg = tube([(middle - side * 30, 362), (middle - side * 35, 420), (middle - side * 41, 486)], [25, 23, 22])
        colored(sheet, leg, (soft, skin), outline, angle=10)
        colored(sheet, oval(middle - side * 51, 501, 28, 14), (soft, red), outline, angle=15)
        arm = tube([(middle - side * 32, 205), (middle - side * 76, 235), (middle - side * 122, 262)], [24, 23, 20])
        colored(sheet, arm, (soft, skin), outline, angle=80)
        colored(sheet, oval(middle - side * 134, 269, 17, 16), (soft, skin), outline)
        for dx, dy in ((-19, -6), (-20, 9), (-8, 17)):
            sheet.line(
                polygon([(middle - side * (134 - dx * 0.5), 269 + dy * 0.6), (middle - side * (134 - dx), 269 + dy)], closed=False),
                outline[0],
                dark,
            )
    colored(
        sheet,
        polygon([(188, 182), (240, 181), (262, 250), *hem[::-1][:1], *hem[::-1][1:], (166, 250)], pieces=2),
        (soft, pink),
        outline,
        angle=72,
    )
    for x, y in ((205, 225), (236, 262), (188, 292), (226, 318), (266, 338), (168, 344)):
        sheet.dot((x, y), 6.5, CRAYON, (255, 236, 120))
    sheet.line([(190, 184), (203, 196), (215, 187), (227, 197), (240, 184)], replace(CRAYON, width=7), (255, 246, 236))
    for side in (1, -1):
        tail = [(52, 88), (74, 76), (92, 96), (100, 132), (88, 160), (72, 148), (66, 118)]
        colored(
            sheet,
            [(middle - side * x, y + (4 if side > 0 else 0)) for x, y in tail],
            (soft, brown),
            (replace(CRAYON, width=5.5), brown),
            angle=100,
        )
    colored(sheet, oval(middle, 112, 66, 68), (soft, skin), outline, angle=35)
    fringe = [
        (149, 112),
        (152, 72),
        (180, 46),
        (216, 40),
        (252, 50),
        (276, 76),
        (279, 112),
        (262, 92),
        (244, 84),
        (226, 90),
        (208, 80),
        (190, 90),
        (170, 86),
    ]
    colored(sheet, fringe, (soft, brown), (replace(CRAYON, width=5), brown), angle=75)
    for side in (1, -1):
        sheet.dot((middle - side * 59, 94), 8, CRAYON, blue)
        sheet.dot((middle - side * 24, 114), 5.5, CRAYON, dark)
        sheet.fill(oval(middle - side * 42, 138, 11, 9), replace(CRAYON, width=5, strength=0.6), (246, 130, 130))
    sheet.line([(206, 124), (213, 130), (219, 126)], replace(CRAYON, width=4), dark)
    sheet.line([(188, 142), (200, 155), (216, 158), (231, 153), (241, 141)], replace(CRAYON, width=5), red)
    right = ((182, 206), (138, 235), (82, 268), (184, 362), (179, 422), (168, 496))
    return Sketch(sheet, (214, 350), (214, 205), (214, 120), right, tuple(mirrored(right, middle)))


def pencil_robot() -> Sketch:
    """A robot in pencil, with a red heart for a switch."""
    sheet, middle = Sheet(420, 530, seed=21, paper=(246, 245, 241)), 210.0
    lead, red, blue, yellow = (62, 62, 70), (214, 62, 62), (86, 136, 214), (238, 190, 60)
    line = (PENCIL, lead)
    shade = replace(PENCIL, width=3.4, strength=0.42, tooth=0.75, passes=1)
    tint = replace(PENCIL, width=5.5, strength=0.85, tooth=0.7, passes=1)
    for side in (1, -1):
        arm = tube([(middle - side * 62, 226), (middle - side * 108, 240), (middle - side * 152, 258)], [26, 25, 25])
        leg = tube([(middle - side * 32, 378), (middle - side * 37, 424), (middle - side * 42, 478)], [28, 27, 27])
        for limb in (arm, leg):
            colored(sheet, limb, None, line)
        for part in np.linspace(0.12, 0.92, 7):
            ax, ay = middle - side * (62 + 90 * part), 226 + 32 * part
            sheet.line([(ax - 4, ay - 13), (ax + side * 2, ay), (ax + 4, ay + 13)], PENCIL, lead)
            lx, ly = middle - side * (32 + 10 * part), 378 + 100 * part
            sheet.line([(lx - 13, ly - 1), (lx, ly + 3), (lx + 13, ly - 1)], PENCIL, lead)
        claw = [(152, 243), (178, 236), (196, 246), (198, 258), (180, 256), (178, 266), (192, 276), (186, 288), (166, 286), (150, 274)]
        colored(sheet, [(middle - side * x, y) for x, y in claw], (tint, blue), line, angle=30)
        foot = [(middle - side * x, y) for x, y in ((16, 510), (18, 486), (40, 474), (66, 484), (74, 511))]
        colored(sheet, polygon(foot, pieces=3), (tint, blue), line, angle=5)
    body = [(148, 204), (273, 202), (276, 384), (145, 386)]
    colored(sheet, polygon(body), None, (replace(PENCIL, passes=1), lead))
    sheet.fill(polygon([(240, 206), (271, 205), (274, 381), (240, 382)]), shade, lead, angle=52, gap=2.0)
    box(sheet, body, *line)
    heart = [(212, 262), (203, 246), (187, 245), (180, 260), (190, 278), (211, 297), (233, 277), (242, 259), (233, 245), (219, 247)]
    sheet.fill(heart, tint, red, angle=40)
    sheet.line(heart, *line, closed=True)
    box(sheet, [(168, 320), (254, 319), (255, 364), (167, 365)], *line, overshoot=2)
    for index, (x, color) in enumerate(((182, red), (204, yellow), (226, blue), (243, yellow))):
        sheet.line(oval(x, 342, 7.5, 8 + index % 2), PENCIL, lead, closed=True)
        sheet.dot((x, 342), 5, tint, color)
    colored(sheet, polygon([(194, 206), (193, 182), (229, 182), (228, 206)]), None, line)
    for y in (188, 197):
        sheet.line([(194, y), (211, y + 3), (228, y)], *line)
    head = [(136, 66), (286, 63), (289, 178), (138, 182)]
    for x, tip in ((176, 160), (246, 258)):
        mast = tube([(x, 68), ((x + tip) / 2, 46), (tip, 28)], [9, 8, 8])
        colored(sheet, mast, None, line)
        colored(sheet, oval(tip, 21, 11, 11), (tint, red), line)
    for side in (1, -1):
        ear = polygon(
            [(middle + 2 - side * 74, 106), (middle + 2 - side * 94, 102), (middle + 2 - side * 94, 146), (middle + 2 - side * 74, 143)]
        )
        colored(sheet, ear, (tint, yellow), line, angle=85)
    colored(sheet, polygon(head), None, (replace(PENCIL, passes=1), lead))
    sheet.fill(polygon([(258, 67), (284, 66), (287, 176), (258, 177)]), shade, lead, angle=52, gap=2.0)
    box(sheet, head, *line)
    for x, size in ((178, 22), (243, 20)):
        colored(sheet, oval(x, 108, size, size), None, line)
        sheet.fill(oval(x + 3, 110, 12, 12), tint, blue)
        sheet.dot((x + 4, 110), 5, replace(PENCIL, strength=1.0), lead)
    box(sheet, [(174, 144), (250, 143), (251, 166), (173, 167)], *line, overshoot=2)
    sheet.line(polygon([(174, 155), (186, 146), (199, 164), (212, 146), (225, 164), (238, 147), (250, 156)], closed=False, pieces=3), *line)
    right = ((152, 228), (106, 240), (42, 262), (180, 380), (174, 428), (162, 494))
    return Sketch(sheet, (211, 372), (211, 222), (211, 126), right, tuple(mirrored(right, 211)))


def marker_monster() -> Sketch:
    """A shaggy green monster with three eyes, in felt pen."""
    sheet, middle = Sheet(440, 500, seed=5, paper=(250, 249, 246)), 220.0
    green, deep, violet, black, yellow, pink = (128, 204, 92), (38, 128, 62), (128, 84, 184), (34, 32, 40), (252, 214, 70), (240, 120, 160)
    line = (replace(FELT_PEN, width=6), black)
    wash = replace(FELT_PEN, width=13, strength=0.78)
    for side in (1, -1):
        leg = tube([(middle - side * 44, 352), (middle - side * 52, 402), (middle - side * 58, 452)], [40, 36, 34])
        colored(sheet, leg, (wash, green), line, angle=12)
        for y in (398, 424):
            sheet.line(
                [(middle - side * (50 + (y - 398) * 0.1) + dx, y + abs(dx) * 0.1) for dx in (-15, 0, 15)], replace(FELT_PEN, width=7), deep
            )
        foot = [(-30, 0), (-26, -16), (0, -24), (24, -17), (31, 0), (20, 8), (11, 1), (0, 9), (-10, 1), (-21, 8)]
        colored(sheet, [(middle - side * 66 + x, 470 + y) for x, y in foot], (wash, violet), line, angle=5)
        arm = tube([(middle - side * 84, 238), (middle - side * 122, 254), (middle - side * 164, 262)], [38, 33, 30])
        colored(sheet, arm, (wash, green), line, angle=85)
        for x in (116, 138):
            sheet.line(
                [(middle - side * x + dy * 0.2, 252 + (x - 116) * 0.25 + dy) for dy in (-13, 0, 13)], replace(FELT_PEN, width=7), deep
            )
        hand = [
            (158, 244),
            (176, 240),
            (198, 236),
            (196, 248),
            (184, 254),
            (202, 260),
            (198, 270),
            (183, 268),
            (194, 284),
            (184, 290),
            (170, 282),
            (156, 276),
        ]
        colored(sheet, [(middle - side * x, y) for x, y in hand], (wash, violet), line, angle=40)
        horn = [(46, 88), (60, 60), (54, 30), (78, 48), (84, 78), (76, 102)]
        colored(sheet, [(middle - side * x, y) for x, y in horn], (wash, yellow), line, angle=60)
    turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    shag = [
        (float(middle + (101 + 8 * (i % 2)) * np.sin(t) * (1 + 0.06 * np.cos(t))), float(226 - (151 + 8 * (i % 2)) * np.cos(t)))
        for i, t in enumerate(turns)
    ]
    colored(sheet, shag, (wash, green), line, angle=66)
    belly = oval(middle, 302, 58, 56)
    sheet.fill(belly, replace(wash, strength=0.5), (250, 240, 150), angle=20)
    sheet.line(belly, replace(FELT_PEN, width=4), deep, closed=True)
    for x, y in ((146, 238), (292, 250), (160, 330), (284, 330), (138, 284), (300, 290)):
        sheet.line([(x - 6, y - 5), (x, y + 6), (x + 6, y - 5)], replace(FELT_PEN, width=4.5), deep)
    for x, y, size in ((176, 150, 25), (222, 124, 29), (268, 152, 24)):
        colored(sheet, oval(x, y, size, size), None, (replace(FELT_PEN, width=5), black))
        sheet.dot((x + 3, y + 5), 9.5, FELT_PEN, black)
    mouth = [(158, 198), (188, 208), (222, 211), (256, 207), (284, 196), (272, 226), (244, 246), (220, 249), (194, 245), (170, 226)]
    colored(sheet, mouth, (wash, (196, 44, 70)), (replace(FELT_PEN, width=5), black), angle=15)
    sheet.fill(oval(222, 238, 22, 8), replace(wash, width=8), pink)
    for x, y in ((184, 210), (207, 213), (232, 213), (257, 209)):
        tooth = polygon([(x - 9, y - 3), (x + 9, y - 3), (x, y + 14)], pieces=3)
        colored(sheet, tooth, None, (replace(FELT_PEN, width=3.5), black))
    right = ((138, 238), (98, 255), (34, 264), (176, 352), (168, 404), (156, 466))
    return Sketch(sheet, (220, 340), (220, 232), (220, 150), right, tuple(mirrored(right, middle)))


def stick_king() -> Sketch:
    """A stick figure with a crown too large for it and a royal cape, felt pen and crayon."""
    sheet, middle = Sheet(420, 550, seed=12, paper=(244, 240, 228)), 210.0
    black, red, gold, skin, gray = (40, 36, 44), (206, 40, 52), (244, 186, 40), (252, 222, 190), (150, 150, 158)
    bone = (replace(FELT_PEN, width=13, wobble=2.0), black)
    thin = (replace(FELT_PEN, width=5), black)
    wax = replace(CRAYON, width=11, strength=0.88)
    cape = [
        (192, 196),
        (228, 195),
        (262, 262),
        (282, 336),
        (296, 398),
        (262, 404),
        (238, 396),
        (210, 406),
        (182, 397),
        (156, 405),
        (124, 397),
        (140, 334),
        (160, 260),
    ]
    colored(sheet, polygon(cape, pieces=2), (wax, red), (replace(CRAYON, width=6), (120, 20, 34)), angle=78)
    trim = [(122, 398), (154, 406), (182, 398), (210, 407), (238, 397), (264, 405), (298, 398)]
    sheet.line(trim, replace(CRAYON, width=17, tooth=0.35, strength=1.0), (252, 248, 238))
    for x, y in ((140, 402), (168, 401), (196, 403), (224, 402), (252, 401), (280, 402)):
        sheet.line([(x, y - 4), (x + 1, y + 4)], thin[0], black)
    sheet.line([(210, 190), (212, 260), (209, 340)], *bone)
    for side in (1, -1):
        sheet.line([(middle - side * 2, 226), (middle - side * 62, 246), (middle - side * 122, 260)], *bone)
        for dx, dy in ((26, -14), (32, 4), (22, 18)):
            sheet.line([(middle - side * 120, 260), (middle - side * (120 + dx), 260 + dy)], replace(bone[0], width=9), black)
        sheet.line([(middle - side * 2, 338), (middle - side * 24, 420), (middle - side * 40, 504)], *bone)
        shoe = [(28, 516), (30, 498), (46, 492), (66, 500), (84, 490), (88, 500), (78, 518)]
        colored(sheet, [(middle - side * x, y) for x, y in shoe], (replace(wax, width=7), gold), thin, angle=10)
    colored(sheet, oval(middle, 136, 56, 54), (wax, skin), (replace(FELT_PEN, width=6.5), black), angle=30)
    beard = [
        (156, 140),
        (172, 158),
        (190, 150),
        (210, 158),
        (230, 150),
        (248, 158),
        (264, 140),
        (262, 178),
        (240, 198),
        (224, 194),
        (209, 214),
        (194, 195),
        (178, 198),
        (158, 176),
    ]
    colored(sheet, polygon(beard, pieces=2), (replace(wax, width=8), gray), (replace(CRAYON, width=4.5), (96, 96, 104)), angle=85)
    sheet.line([(192, 166), (202, 173), (212, 174), (226, 166)], replace(FELT_PEN, width=5), (196, 44, 60))
    sheet.dot((210, 143), 8, CRAYON, (236, 120, 110))
    for side in (1, -1):
        sheet.dot((middle - side * 21, 125), 5.5, FELT_PEN, black)
        sheet.line([(middle - side * 32, 113), (middle - side * 22, 109), (middle - side * 12, 113)], replace(FELT_PEN, width=4), black)
    crown = polygon([(150, 102), (138, 34), (172, 66), (188, 20), (210, 62), (234, 18), (250, 66), (284, 36), (270, 102)], pieces=3)
    colored(sheet, crown, (replace(wax, width=9), gold), thin, angle=64)
    jewel = replace(CRAYON, tooth=0.2, strength=1.0)
    for x, y, color in ((176, 88, red), (210, 86, (56, 120, 204)), (244, 88, (60, 160, 80))):
        sheet.dot((x, y), 7.5, jewel, color)
    for x, y in ((138, 32), (188, 18), (234, 16), (284, 34)):
        colored(sheet, oval(x, y, 7.5, 7.5), (replace(wax, width=5), red), (replace(FELT_PEN, width=3.5), black))
    right = ((196, 230), (148, 246), (78, 264), (204, 342), (186, 420), (166, 506))
    return Sketch(sheet, (210, 338), (210, 226), (210, 146), right, tuple(mirrored(right, middle)))


SKETCHES = {"crayon_girl": crayon_girl, "pencil_robot": pencil_robot, "marker_monster": marker_monster, "stick_king": stick_king}
