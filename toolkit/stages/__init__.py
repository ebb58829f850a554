"""The contracts between the stages, one a file, in the order the data flows.

A plugin implements one of them; the pipeline composes them. Nothing here decodes, detects or
answers by itself.
"""
