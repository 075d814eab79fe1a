"""Triangle meshes: outline, triangulation, distances inside a mask, ARAP deformation."""
