"""One picture from its link to the disk: fetched, proven, its bytes safe under a temporary name."""

from __future__ import annotations

from fbsyncd import media as names
from fbsyncd.assets import Archived, Job
from fbsyncd.fetch import Fetcher, Picture
from fbsyncd.media import Media, Staged

#: Bytes that are on the disk, and what their row is to say of them.
Fetched = tuple[Staged, Archived]


def fetched(job: Job, fetcher: Fetcher, media: Media) -> Fetched:
    """Fetch the picture of a claimed row and stage it; may be called by many threads at once.

    No row is touched and nothing gets a name. Raises FetchError and MediaTrouble.
    """
    return put_away(job, fetcher.fetch(job.url), media)


def put_away(job: Job, picture: Picture, media: Media) -> Fetched:
    """Stage what was fetched for a claimed row; may be called by many threads at once.

    No row is touched and nothing gets a name. Raises MediaTrouble.
    """
    archived = _archived(job, picture, media)
    return media.stage(picture.data, job.category, archived.filename), archived


def _archived(job: Job, picture: Picture, media: Media) -> Archived:
    name = names.filename(picture.sha256, picture.proof.extension)
    return Archived(
        id=job.id,
        filename=name,
        local_path=media.local_path(job.category, name),
        public_url=names.public_path(job.category, name),
        file_size=len(picture.data),
        sha256=picture.sha256,
        mime_type=picture.proof.mime_type,
        width=picture.proof.width,
        height=picture.proof.height,
    )
