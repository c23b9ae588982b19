"""From a value to "this is wrong": the language of a rule, its states, and all rules together."""
