"""The equations of a run, in every form."""
