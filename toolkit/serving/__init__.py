"""The HTTP API and its page: what ``toolkit serve`` serves, with the extra ``serve``.

tokens    who may come in, and what for
door      what every request passes: host, size, pace of its body, headers of its answer
access    scopes, and signed links for what a page plays
intake    what clients may ask to be fetched or asked
desk      the workspace that is served
routes    what there is, a file a matter
"""
