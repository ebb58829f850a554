"""Untrusted files are read in processes of their own, with limits.

A :class:`~toolkit.isolation.readers.Readers` has a decoder and a scene detector do a *job*: a
generator function of both, of a file, and of more that can be pickled. Where files are isolated,
the job runs in another process, one file at a time: what it gives comes through a socket, item by
item, and no faster than it is taken. A process that crashes, or goes over a limit, costs its file.
A job that opens its file by itself, such as one that copies packets, needs neither of them.

It bounds what a file can take and break; it is no jail. The process runs with the user's rights.
"""
