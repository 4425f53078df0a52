"""The files of a job where its program shares no folder with the platform: brought when they are first looked at, and sent back.

Standard library only, so that it works in any process of a job on any machine.
"""
