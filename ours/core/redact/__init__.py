"""Keeps secrets and people out of what is shown: secrets wherever they turn up, personal values by their names."""

from ours.core.redact.people import Person, mask_value, told_of
from ours.core.redact.secrets import MASK, Masker, cut_url, mask_headers, mask_url, texts_in
from ours.core.redact.texts import mask_email

__all__ = ["MASK", "Masker", "Person", "cut_url", "mask_email", "mask_headers", "mask_url", "mask_value", "texts_in",
           "told_of"]  # fmt: skip
