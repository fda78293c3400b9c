"""What is inside a store: which files, in which format. Pure.

Which files belong to it (`layout`, `patterns`) and what their bytes must be (`codec`); how a kind's
records merge (`annotations`, `merge`), whether a save knew of what it went over (`aware`), how
merges are written (`splice` and `tree` for JSON, `yaml_*`); files of many records taken apart and
written (`records`, `elements`, `join`); whole lines of files that grow (`lines`); times, as files
spell them (`times`), one of which is `carried` along.
"""
