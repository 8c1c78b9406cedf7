"""Published sets as they lie, in small: the same files and columns with a few recordings each."""

import json
from pathlib import Path

import pytest

from earmark.data.datasets.published import SETS, find_parts, table_of_sets
from earmark.data.manifest import read_manifest
from earmark.data.reading import Wanted, read_parts
from earmark.events import Event

DOCS = Path(__file__).parents[3] / "docs" / "datasets.md"


def said(manifest):
    """What a manifest says of each recording: labels, events, split."""
    return {
        clip.path.name: (
            list(clip.labels),
            None if clip.events is None else [(e.onset, e.offset, e.label) for e in clip.events],
            clip.split,
        )
        for clip in manifest.clips
    }


def esc50(recordings, table):
    root = recordings("audio/1-100032-A-0.wav", "audio/5-9032-A-0.wav")
    header = "filename,fold,target,category,esc10,src_file,take"
    rows = ("1-100032-A-0.wav,1,0,dog,True,100032,A", "5-9032-A-0.wav,5,14,chirping_birds,False,9032,A")
    table("meta/esc50.csv", header, *rows)
    return root, {
        "1-100032-A-0.wav": (["dog"], None, "1"),
        "5-9032-A-0.wav": (["chirping_birds"], None, "5"),
    }


def urbansound8k(recordings, table):
    root = recordings("audio/fold5/100032-3-0-0.wav", "audio/fold10/99812-1-2-0.wav")
    header = "slice_file_name,fsID,start,end,salience,fold,classID,class"
    rows = ("100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark", "99812-1-2-0.wav,99812,159.5,163.5,2,10,1,car_horn")
    table("metadata/UrbanSound8K.csv", header, *rows)
    return root, {
        "100032-3-0-0.wav": (["dog_bark"], None, "5"),
        "99812-1-2-0.wav": (["car_horn"], None, "10"),
    }


def fsd50k(recordings, table):
    names = ("FSD50K.dev_audio/64760.wav", "FSD50K.dev_audio/16399.wav", "FSD50K.eval_audio/37199.wav")
    root = recordings(*names)
    header = "fname,labels,mids,split"
    rows = (
        '64760,"Electric_guitar,Guitar,Music","/m/02sgy,/m/0342h,/m/04rlf",train',
        '16399,"Bark,Dog","/m/05tny_,/m/0bt9lr",val',
    )
    table("FSD50K.ground_truth/dev.csv", header, *rows)
    table("FSD50K.ground_truth/eval.csv", "fname,labels,mids", '37199,"Bark,Dog","/m/05tny_,/m/0bt9lr"')
    return root, {
        "64760.wav": (["Electric_guitar", "Guitar", "Music"], None, "train"),
        "16399.wav": (["Bark", "Dog"], None, "val"),
        "37199.wav": (["Bark", "Dog"], None, "test"),
    }


def desed(recordings, table):
    audio = ("train/weak/Yaaa_0.000_10.000.wav", "train/synthetic20/soundscapes/1.wav", "validation/validation/Yb.wav")
    root = recordings(*(f"dataset/audio/{name}" for name in (*audio, "eval/public/c.wav")))
    table("dataset/metadata/train/weak.tsv", "filename|event_labels", "Yaaa_0.000_10.000.wav|Speech,Dog")
    table("dataset/metadata/train/unlabel_in_domain.tsv", "filename", "d.wav")
    columns = "filename|onset|offset|event_label"
    table("dataset/metadata/train/synthetic20/soundscapes.tsv", columns, "1.wav|0.1|0.4|Dog")
    table("dataset/metadata/validation/validation.tsv", columns, "Yb.wav|0.0|0.25|Speech")
    table("dataset/metadata/validation/test_dcase2018.tsv", columns, "Yb.wav|0.0|0.25|Speech")
    table("dataset/metadata/validation/validation_durations.tsv", "filename|duration", "Yb.wav|0.5")
    table("dataset/metadata/eval/public.tsv", columns, "c.wav|0.1|0.2|Dog")
    return root, {
        "Yaaa_0.000_10.000.wav": (["Speech", "Dog"], None, "train"),
        "1.wav": (["Dog"], [(0.1, 0.4, "Dog")], "train"),
        "Yb.wav": (["Speech"], [(0.0, 0.25, "Speech")], "validation"),
        "c.wav": (["Dog"], [(0.1, 0.2, "Dog")], "test"),
    }


def vggsound(recordings, table):
    root = recordings("video/---g-f_I2yQ_000001.wav", "video/--0PQM4-hqg_30_40.wav")
    rows = ("---g-f_I2yQ,1,people marching,test", '--0PQM4-hqg,30,"waterfall burbling, near",train')
    table("vggsound.csv", *rows, "--5OkAjCI7g,40,gone,train")
    return root, {
        "---g-f_I2yQ_000001.wav": (["people marching"], None, "test"),
        "--0PQM4-hqg_30_40.wav": (["waterfall burbling, near"], None, "train"),
    }


def sonyc(recordings, table):
    root = recordings("audio/00_000066.wav", "audio/00_000071.wav")
    fine = "1-1_small-sounding-engine_presence,1-X_engine-of-uncertain-size_presence"
    coarse = "1_engine_presence,7_human-voice_presence"
    near = "1-1_small-sounding-engine_proximity"
    table(
        "annotations.csv",
        f"split,sensor_id,audio_filename,annotator_id,borough,block,latitude,year,week,day,hour,{fine},{near},{coarse}",
        "train,0,00_000066.wav,13,1,547,40.7,2018,17,2,7,1,0,near,1,0",
        "train,0,00_000066.wav,87,1,547,40.7,2018,17,2,7,-1,0,-1,0,1",
        "validate,0,00_000071.wav,-2,1,547,40.7,2018,17,2,7,1,0,far,1,1",
        "validate,0,00_000071.wav,0,1,547,40.7,2018,17,2,7,0,-1,notvisible,0,1",
    )
    return root, {
        "00_000066.wav": (["engine", "human-voice"], None, "train"),
        "00_000071.wav": (["human-voice"], None, "validate"),
    }


def maestro(recordings, table):
    root = recordings("development_audio/cafe_restaurant/cafe_restaurant_00.wav")
    table(
        "development_annotation/soft_labels_cafe_restaurant/cafe_restaurant_00.txt",
        *(
            "0|1|people talking|0.91",
            "0|1|cutlery/dishes|0.2",
            "1|2|cutlery/dishes|0.5",
            "1|2|people talking|1.0000002",
        ),
        *("2|3|people talking|0.0", "3|4|people talking|0.7"),
    )
    talking, dishes = "people talking", "cutlery/dishes"
    return root, {
        "cafe_restaurant_00.wav": ([talking, dishes], [(0, 2, talking), (1, 2, dishes), (3, 4, talking)], None),
    }


def tut_sed_2017(recordings, table):
    root = recordings("audio/street/a001.wav", "audio/street/b003.wav")
    table(
        "meta.txt", "audio/street/a001.wav|street|0.1|0.4|car|m|a001", "audio/street/b003.wav|street|0.2|0.3|people|m"
    )
    table("meta/street/a001.ann", "0.1|0.4|car")
    table("non_verified/meta/street/a001.ann", "0.1|0.2|wind")
    table("evaluation_setup/street_fold1_evaluate.txt", "audio/street/a001.wav|street|0.1|0.4|car")
    table("evaluation_setup/street_fold1_train.txt", "audio/street/b003.wav|street|0.2|0.3|people")
    table("evaluation_setup/street_fold1_test.txt", "audio/street/a001.wav|street")
    table("evaluation_setup/street_fold2_test.txt", "audio/street/b003.wav|street")
    return root, {
        "a001.wav": (["car"], [(0.1, 0.4, "car")], "1"),
        "b003.wav": (["people"], [(0.2, 0.3, "people")], "2"),
    }


def tut_sed_2016(recordings, table):
    root = recordings("audio/home/a030.wav", "audio/home/b033.wav")
    table("meta/home/a030.ann", "0.100000|0.400000|(object) rustling")
    table("meta/home/b033.ann", "0.2|0.3|cupboard")
    table("evaluation_setup/home_fold1_test.txt", "audio/home/a030.wav")
    table("evaluation_setup/home_fold2_test.txt", "audio/home/b033.wav")
    return root, {
        "a030.wav": (["(object) rustling"], [(0.1, 0.4, "(object) rustling")], "1"),
        "b033.wav": (["cupboard"], [(0.2, 0.3, "cupboard")], "2"),
    }


def urban_sed(recordings, table):
    splits = ("train", "validate", "test")
    root = recordings(*(f"audio/{split}/soundscape_{split}_0.wav" for split in splits))
    for split in splits:
        name = f"annotations/{split}/soundscape_{split}_0"
        table(f"{name}.txt", "0.1|0.4|car_horn")
        value = {"label": "car_horn", "role": "foreground"}
        data = [{"time": 0.1, "duration": 0.3, "value": value, "confidence": 1.0}]
        table(f"{name}.jams", json.dumps({"annotations": [{"namespace": "sound_event", "data": data}]}))
    return root, {f"soundscape_{split}_0.wav": (["car_horn"], [(0.1, 0.4, "car_horn")], split) for split in splits}


def singapura(recordings, table):
    name = "[b827ebf3744c][2020-08-19T22-46-04Z][manual][---][4edbade2d41d5f80e324ee4f10d401c0][]-135"
    root = recordings(f"labelled/2020-08-19/{name}.flac", "labelled/2020-08-20/b.flac")
    table("labelled_metadata_public.csv", "sensor_id,filename,year", f"b827ebf3744c,{name}.flac,2020")
    header = "annotator,filename,event_label,proximity,onset,offset,remarks"
    rows = (f"5,{name}.flac,1-1,near,0.1,0.4,", f"5,{name}.flac,5-2,far,0.2,0.3,Cough")
    table(f"labels_public/{name}.csv", header, *rows)
    table("labels_public/b.csv", header, "5,b.flac,1-1,near,0.1,0.2,")
    return root, {
        f"{name}.flac": (["1-1", "5-2"], [(0.1, 0.4, "1-1"), (0.2, 0.3, "5-2")], None),
        "b.flac": (["1-1"], [(0.1, 0.2, "1-1")], None),
    }


def dcase2016_task2(recordings, table):
    root = recordings("sound/dev_1_ebr_0_nec_1_poly_0.wav")
    table("annotation/dev_1_ebr_0_nec_1_poly_0.txt", "0.1|0.4|clearthroat")
    return root, {"dev_1_ebr_0_nec_1_poly_0.wav": (["clearthroat"], [(0.1, 0.4, "clearthroat")], None)}


def chime_home(recordings, table):
    names = ("CR_lounge_200110_1601.s0_chunk0", "CR_lounge_200110_1601.s0_chunk1")
    root = recordings(*(f"chunks/{name}.16kHz.wav" for name in names))
    for name, letters in zip(names, ("cmf", "S"), strict=True):
        table(f"chunks/{name}.csv", f"chunkname,{name}", "annotation_a1,cm", f"majorityvote,{letters}")
    table("development_chunks_refined_crossval_dcase2016.csv", f"0,{names[0]},1", f"1,{names[1]},2")
    speech = ["child speech", "adult male speech", "adult female speech"]
    return root, {f"{names[0]}.16kHz.wav": (speech, None, "1"), f"{names[1]}.16kHz.wav": ([], None, "2")}


def rare_events(recordings, table):
    folders = ("mixtures_devtrain_1", "mixtures_devtest_2")
    root = recordings(*(f"{folder}/audio/mixture_{folder}_{n}.wav" for folder in folders for n in (0, 1)))
    for folder in folders:
        kind = folder.split("_")[1]
        rows = (f"mixture_{folder}_0.wav|0.1|0.4|babycry", f"mixture_{folder}_1.wav")
        table(f"{folder}/event_list_{kind}_babycry.csv", *rows)
    return root, {
        f"mixture_{folder}_{n}.wav": (
            [] if n else ["babycry"],
            [] if n else [(0.1, 0.4, "babycry")],
            "train" if "train" in folder else "test",
        )
        for folder in folders
        for n in (0, 1)
    }


ALIKE = {
    "CHiME-Home (DCASE2016 task 4)": [chime_home],
    "DCASE2016 task 2": [dcase2016_task2],
    "DCASE2017 task 2 (TUT Rare Sound Events)": [rare_events],
    "DESED (DCASE2018-2024 task 4)": [desed],
    "ESC-50": [esc50],
    "FSD50K": [fsd50k],
    "MAESTRO": [maestro],
    "SINGA:PURA": [singapura],
    "SONYC-UST": [sonyc],
    "TUT-SED 2016, 2017 (DCASE2016 task 3, DCASE2017 task 3)": [tut_sed_2016, tut_sed_2017],
    "URBAN-SED": [urban_sed],
    "UrbanSound8K": [urbansound8k],
    "VGGSound": [vggsound],
}
CASES = [pytest.param(name, make, id=make.__name__) for name, makes in ALIKE.items() for make in makes]


@pytest.mark.parametrize(("name", "make"), CASES)
def test_a_set_is_read_as_it_lies(recordings, table, name, make):
    root, expected = make(recordings, table)
    manifest = read_manifest(root)
    assert said(manifest) == expected
    assert {problem.kind for problem in manifest.problems} <= {"missing"}
    recognised = [one.name for one in SETS if one.find is not None and list(one.find(root))]
    assert recognised == [name]  # by this set alone


def test_every_set_of_the_table_is_read_somewhere():
    elsewhere = {"AudioSet", "AudioSet-strong", "DCASE2017 task 4"}  # tests of their own
    assert {one.name for one in SETS} == {*ALIKE, *elsewhere}


def test_the_table_in_the_docs_is_the_one_printed():
    assert table_of_sets() in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("make", "list_", "names"),
    [
        (esc50, "meta/esc50.csv", {"1-100032-A-0.wav", "5-9032-A-0.wav"}),
        (urbansound8k, "metadata/UrbanSound8K.csv", {"100032-3-0-0.wav", "99812-1-2-0.wav"}),
        (fsd50k, "FSD50K.ground_truth/dev.csv", {"64760.wav", "16399.wav"}),
        (vggsound, "vggsound.csv", {"---g-f_I2yQ_000001.wav", "--0PQM4-hqg_30_40.wav"}),
    ],
)
def test_a_list_of_a_set_given_by_itself_is_that_part(recordings, table, make, list_, names):
    root, expected = make(recordings, table)
    assert said(read_manifest(root / list_)) == {name: expected[name] for name in names}


def test_what_is_missing_of_a_set_is_left_out_and_listed(recordings, table):
    root, _ = fsd50k(recordings, table)
    (root / "FSD50K.dev_audio" / "16399.wav").unlink()
    manifest = read_manifest(root)
    assert {clip.path.stem for clip in manifest.clips} == {"64760", "37199"}
    assert [problem.where.rpartition("/")[2] for problem in manifest.problems] == ["dev.csv, line 3"]
    for path in (root / "FSD50K.eval_audio").iterdir():
        path.unlink()
    assert [clip.path.stem for clip in read_manifest(root).clips] == ["64760"]  # a part that is not there costs nothing


@pytest.mark.parametrize(
    ("make", "fold"), [(fsd50k, None), (urban_sed, None), (sonyc, None), (esc50, "5"), (tut_sed_2017, "1")]
)
def test_the_splits_of_a_set_train_and_validate(recordings, table, make, fold):
    root, expected = make(recordings, table)
    train, valid, _ = read_parts(root, None, Wanted(fold=fold), 0)
    validating = {"val", "validate"} if fold is None else {fold}
    meant = {name for name, (_, _, split) in expected.items() if split in validating}
    assert {clip.path.name for clip in valid.clips} == meant
    assert not {clip.path for clip in train.clips} & {clip.path for clip in valid.clips}


def test_a_folder_of_another_kind_is_none_of_them(recordings, table):
    root = recordings("siren/a.wav", "dog/b.wav")
    table("annotations.csv", "filename,label", "siren/a.wav,siren")
    assert find_parts(root) is None
    assert find_parts(root / "annotations.csv") is None


def test_events_of_urban_sed_are_those_of_both_formats(recordings, table):
    root, _ = urban_sed(recordings, table)
    table("annotations/test/soundscape_test_0.txt", "0.1|0.45|car_horn")
    manifest = read_manifest(root)
    assert [problem.kind for problem in manifest.problems] == ["conflict"]
    assert Event(0.1, 0.45, "car_horn") not in [e for clip in manifest.clips for e in clip.events]
