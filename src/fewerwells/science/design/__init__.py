"""Which wells next: designs that see wells and simulations, and never the truth.

`candidates` are the wells that could be filled; a `belief` is what a learner holds possible after the wells so far;
`criteria` say what a well is worth under a belief and exchange wells until none is worth more; `designs` choose the
next ones; `rounds` fill a plate a column at a time; `planning` makes a round to pipette of a laboratory's own wells.

Nothing here is a black box to be optimised: the criterion of a batch has a closed form, and a grid of candidates is
searched whole, so that BoTorch, which climbs acquisition functions by gradients of sampled batches, would add a
dependency and noise.
"""
