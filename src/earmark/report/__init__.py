"""What people look at: tables, figures, one self-contained HTML page, the model card.

    metrics (dict) -> tables.py, comparison.py (two models) -> terminal, Markdown, HTML
    operating point -> points.py -> a table and sentences
    history, scores, events -> figures.py, recording.py -> SVG or PNG
    study.py (curves, confusions, reliability) -> curves.py, together charts.py -> SVG
    all of it -> page.py (one HTML file) and model_card.py (README.md of a model directory)

matplotlib and jinja2 come with the extra `report` and are imported only when a figure or page is made.

`tables`, `comparison`, `meanings`       figures as tables, of one model or two, and what each means
`study`, `charts`, `curves`              charts of an evaluation, and what they are drawn from
`figures`, `recording`, `canvas`         training curves, recordings, attention weights
`page`, `lanes`                          one HTML page, recordings as lanes, sounds
`detections`                             the page of recordings without labels
`spectrogram`                            a recording's log-mel, for its picture
`model_card`, `points`                   the model card, and the operating point for people
"""
