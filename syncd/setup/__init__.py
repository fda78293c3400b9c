"""How an installation comes about: stores found (`discovery`), devices enrolled (`enrolment`),
systemd's unit files written (`units`).
"""
