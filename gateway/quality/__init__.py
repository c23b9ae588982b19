"""How far a value can be trusted: pure checks, and the grader that applies them."""
