"""A network that reads a plate: trained once on plates of many circuits, it answers for a new one without training
(Müller et al. 2022).

`features` turns wells into numbers without a unit; `network` is the attention over wells; `training` makes its weights
from nothing, with the steps of `optimiser`; `reader` loads shipped weights and predicts.
"""
