"""Correction of figures: box, mask, cut lines and joints on a page, with the motion playing beside them."""
