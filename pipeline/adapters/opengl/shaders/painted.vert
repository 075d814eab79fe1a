#version 330 core
// sprite.vert with a color per vertex, for the debug view that paints each joint's triangles.
uniform mat4 view_projection;
uniform float depth;
layout(location = 0) in vec2 position;
layout(location = 1) in vec2 uv;
layout(location = 2) in vec3 color;
out vec2 sprite_uv;
flat out vec3 paint;  // the color of each triangle's last vertex

void main() {
    gl_Position = view_projection * vec4(position, depth, 1.0);
    sprite_uv = uv;
    paint = color;
}
