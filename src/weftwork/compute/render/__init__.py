"""Rendering: scenes cut into tiles, rendered in the sandbox, checked and put together again.

================  ====================================================================
:mod:`.tile`      the unit of work and its seed
:mod:`.scene`     a scene and its files, read from disk (:mod:`.document`: Mitsuba's XML)
:mod:`.asset`     files by the digest of their content
:mod:`.worker`    a warm renderer in the sandbox (:mod:`.guest`: its inside)
:mod:`.blender`   the same for ``.blend`` files
:mod:`.frame`     tiles put together
:mod:`.picture`   PNG and EXR; :mod:`.preview` with a watermark; :mod:`.terminal`
:mod:`.compare`   a tile beside the same tile rendered again
:mod:`.challenge` how fast a provider really is
:mod:`.local`     all of it on one machine
================  ====================================================================
"""
