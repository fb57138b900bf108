"""A clip from a text, made by a video model, for the pipeline to read like any other clip. Start reading at `shoot`.

video_models.py    the models as rows of a table, and where they are found
prompts.py         the text that a model reads: the artist's, and how a clip must look for the pipeline
first_picture.py   a picture or a render, placed on a plain background
offloading.py      memory plans: what is on the card while a model runs
pipelines.py       a model's networks from their files
take.py            one clip from one seed
judgement.py       whether a clip is worth animating
shoot.py           takes until one is, with less memory if it runs out
"""
