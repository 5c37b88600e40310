"""What nature does and what can be learnt from wells; knows nothing of experiments, files or notebooks.

`circuits`, a registry, and their `reactions`; `systems`, what is learnt, simulated or `measured`, with its `noise`;
`datasets`, wells, domains and random streams; `networks` and their `training`; `meta_start`, weights near to all
circuits; the rivals `forms` and their `fitting`, `library` and `gaussian_processes`; `least_squares`, many fits side by
side; `mechanisms`, enumerated, `discrepancy`, inferred with them, and the `wide_library` of both; `nested`, what the
wells know, and `symbolic`, formulas bred from them; `prior`, what could stand behind a plate, and `in_context`, the
network that learnt from it to read one; `design`, which wells to fill next; `statistics` over paired seeds; `cores`,
work shared out over the processor; `units` of concentration.
"""
