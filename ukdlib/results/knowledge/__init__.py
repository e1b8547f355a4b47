"""The knowledge page: every clip with what each teacher said of it, its weight, and what the student answered."""
