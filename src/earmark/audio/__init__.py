"""From a file to samples.

`find.py`      which recordings are meant by files, folders and lists
`listing.py`   the same, found while a run goes on, for a million of them
`remote.py`    recordings on other machines (extra `remote`)
`source.py`    what can be read, and what is wrong with what cannot
`sndfile.py`   decoder: wav, flac, ogg, opus, mp3
`wav.py`       where the sound of a wav lies whose sizes are wrong
`mp3.py`       the length of an mp3 that does not state it
`links.py`     several recordings one behind the other in one file
`view.py`      a part of a file as a file of its own
`media.py`     decoder: m4a, aac, mp4, webm (extra `media`), on the clock of the file
`mono.py`      samples checked, and several channels as one
`blocks.py`    a recording of any length at one rate, as mono blocks or whole
`resample.py`  the sample rate
`mel.py`       mel scales and filters
`records.py`   what is known of a recording
`live.py`      sound that goes on: what every source of it gives; a file as if live
`pcm.py`       a stream of bytes: stdin, a pipe
`microphone.py` a sound card (extra `live`)

Samples are mono float32 (samples,), nominally in [-1, 1]; rates are Hz.
"""

from earmark.audio.blocks import AudioBlocks, from_array, probe, read_audio, read_blocks
from earmark.audio.find import Recording, audio_files, find_recordings, scan_folder
from earmark.audio.records import SHORT, Audio, AudioInfo, too_short
from earmark.audio.source import AUDIO_EXTENSIONS, Source

__all__ = [
    "AUDIO_EXTENSIONS",
    "SHORT",
    "Audio",
    "AudioBlocks",
    "AudioInfo",
    "Recording",
    "Source",
    "audio_files",
    "find_recordings",
    "from_array",
    "probe",
    "read_audio",
    "read_blocks",
    "scan_folder",
    "too_short",
]
