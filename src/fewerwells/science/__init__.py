"""What nature does and what can be learnt from wells; knows nothing of experiments, files or notebooks.

<<<<<<< HEAD
`circuits`, a registry, and their `reactions`; `systems`, what is learnt, simulated or `measured`, with its `noise`;
`datasets`, wells, domains and random streams; `networks` and their `training`; the rivals `fitting`, `library` and
`gaussian_processes`; `mechanisms`, enumerated, `discrepancy`, inferred with them, and the `wide_library` of both;
`nested`, what the wells know, and `symbolic`, formulas bred from them; `prior`, what could stand behind a plate, and
`in_context`, the network that learnt from it to read one; `design`, which wells to fill next; `statistics` over paired
seeds; `cores`, work shared out over the processor; `units` of
=======
`circuits`, a registry, and their `reactions`; `systems`, what is learnt; `datasets`, wells, domains, noise and random streams;
`networks` and their `training`; the rivals `fitting`, `library` and `gaussian_processes`;
`mechanisms`, enumerated, `discrepancy`, inferred with them, and the `wide_library` of both;
`nested`, what the wells know, and `symbolic`, formulas bred from them; `meta_start`, weights near to all circuits; `prior`, what could stand
behind a plate, and `in_context`, the network that learnt from it to read one; `design`, which wells to fill next;
`statistics` over paired seeds; `cores`, work shared out over the processor; `units` of
>>>>>>> 5f673e3 (Initial weights learnt over many circuits, for the study's own network)
concentration.
"""
