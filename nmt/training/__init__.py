"""Batches -> a trained model: `train` makes a run of a config.

`loss` says what is minimised, `schedule` how fast; `module` and `callbacks` are what Lightning calls; `validation` says
how good it is, `folder` what a run leaves.
"""
