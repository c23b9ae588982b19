"""What is kept: the journal on disk, and what leaves the house from it."""
