"""Whether an mp3 says how long it is.

Most writers put a first frame with the true length (Xing, Info or VBRI). Without it a reader has only the bit
rate of the first frame to go by, and libsndfile stops at that estimate, which for a variable bit rate may be
far before the end.
"""

from __future__ import annotations

from earmark.audio.source import Source, read_head

_MARKS = (b"Xing", b"Info", b"VBRI")
_NEAR = 256  # bytes from the first frame's beginning in which its mark must stand


def length_is_estimated(source: Source, head: bytes) -> bool:
    """True for an mp3 (seen by its first bytes, `head`) that does not state its length.

    >>> length_is_estimated("a.wav", b"RIFF....WAVE")
    False
    """
    start = 0
    if head.startswith(b"ID3") and len(head) >= 10:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]  # four groups of seven bits
        start = 10 + size
        head = read_head(source, start + _NEAR)
    frame = head[start : start + _NEAR]
    synchronised = len(frame) > 1 and frame[0] == 0xFF and frame[1] & 0xE0 == 0xE0
    return synchronised and not any(mark in frame for mark in _MARKS)
