"""A list of AudioSet, its classes and its clips."""

HEADER = (
    "# Segments csv created Sun Mar  5 10:54:25 2017",
    "# num_ytids=4, num_segs=4, num_unique_labels=3, num_positive_labels=5",
    "# YTID, start_seconds, end_seconds, positive_labels",
)
ROWS = (
    '--4gqARaEJE, 0.000, 10.000, "/m/09x0r,/t/dd00088"',
    '-0BIyqJj9ZU, 30.500, 40.500, "/m/09x0r"',
    'YBfvyPmVMo_, 20.000, 27.000, "/m/03l9g"',
    'a_b-c_d-e_f, 140.000, 150.000, "/t/dd00088"',
)
CLASSES = ("index,mid,display_name", '0,/m/09x0r,"Speech"', '1,/t/dd00088,"Owl, eagle"', '2,/m/03l9g,"Hammer"')
TAGS = {
    "--4gqARaEJE": ("Speech", "Owl, eagle"),
    "-0BIyqJj9ZU": ("Speech",),
    "YBfvyPmVMo_": ("Hammer",),
    "a_b-c_d-e_f": ("Owl, eagle",),
}
NAMES = ("Y--4gqARaEJE.wav", "-0BIyqJj9ZU_30.500_40.500.flac", "YYBfvyPmVMo__20_27.ogg", "a_b-c_d-e_f_140000.wav")


def tags(manifest):
    return {next(video for video in TAGS if video in clip.name): clip.labels for clip in manifest.clips}


def messages(manifest):
    return [str(problem) for problem in manifest.problems]
