"""What people look at: tables, figures, one self-contained HTML page, the model card.

    metrics (dict) -> tables.py -> terminal, Markdown, HTML
    history, scores, events -> figures.py, recording.py -> SVG or PNG
    all of it -> page.py (one HTML file) and model_card.py (README.md of a model directory)

matplotlib and jinja2 come with the extra `report` and are imported only when a figure or page is made.
"""
