"""A model and text -> translations.

`Translator` is what programs call: it takes text and gives `Translation` records. Below it, `engine` runs a network on
a device; `search` knows a step function only, not the model: `beams` holds the hypotheses, `proposals` says how each
could go on, `scoring` by what they are ranked, `guides` what they may contain. `SearchOptions` names all that can be
asked of it.
"""
