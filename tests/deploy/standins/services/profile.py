"""Profile, with a number of profiles."""

from __future__ import annotations

import canned

from marketwin.profile.v1.service_pb2 import ListProfilesRequest, ListProfilesResponse
from marketwin.profile.v1.service_pb2_grpc import ProfileServiceServicer, add_ProfileServiceServicer_to_server


class Profile(ProfileServiceServicer):
    async def ListProfiles(self, request: ListProfilesRequest, context: object) -> ListProfilesResponse:  # type: ignore[override]  # aio
        return ListProfilesResponse(total=321 if request.with_total else None)


if __name__ == "__main__":
    canned.run("profile", (add_ProfileServiceServicer_to_server, Profile()))
