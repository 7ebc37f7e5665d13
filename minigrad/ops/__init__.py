"""The calculus: one primitive a function, its rules beside its forward."""
