"""What can be asked of readings and events: one small module for each kind of question."""
