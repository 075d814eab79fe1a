"""Synthetic photographs of drawn figures, with exact boxes, joints and masks: what the networks are trained on.

Control flow: `sample.drawn_sample(seed)` picks a paper, a medium and a hand, has `figures.person` draw figures and `scenes` what else
children put on a page, paints them on a `canvas`, and photographs the page. Everything follows from the seed.
"""
