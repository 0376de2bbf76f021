"""Decoding, micrometres per pixel and colour: what every stage needs to know of a picture."""
