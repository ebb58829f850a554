"""Scene detector plugin: PySceneDetect."""
