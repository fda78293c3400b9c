"""Deploys a site with syncd.storage: `deploy.py SITE [CONFIG]`. Others may write the file too."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

from syncd.storage import (
    AsyncAssetStorage,
    AsyncDeploymentStorage,
    Deployment,
    new_deployment_id,
)


def now() -> datetime:
    return datetime.now(UTC)


async def main() -> None:
    site = sys.argv[1]
    config = sys.argv[2] if len(sys.argv) > 2 else "config.toml"
    async with AsyncDeploymentStorage(config) as storage, AsyncAssetStorage(config) as assets:
        before = await storage.latest(site)
        deployment = Deployment(
            id=new_deployment_id(), site_id=site, status="queued", started_at=now()
        )
        await storage.save(deployment)
        await storage.enqueue(deployment.id or "")
        for asset in await assets.search(tags=["release"]):
            await assets.increment_downloads(asset.id)
        for status in ("building", "deploying", "success"):
            deployment.status = status
            await storage.save(deployment)
        deployment.completed_at, deployment.health_check_status = now(), "passing"
        await storage.save(deployment)
        await storage.dequeue(deployment.id or "")
        print(f"{deployment.id}: {deployment.status}; before: {before.id if before else 'none'}")


asyncio.run(main())
