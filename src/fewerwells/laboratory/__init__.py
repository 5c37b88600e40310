"""What a laboratory does with wells that it has measured; the room stands beside `course`, and nobody below knows it.

`next_wells` is the command that says which wells to fill next.
"""
