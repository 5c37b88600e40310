/* Two of the theme's buttons show words that their labels do not hold, and the triangles that unfold a chapter's pages have
   no name at all; screen readers and voice control need both. */
function agree() {
  document.querySelectorAll(".search-button-field").forEach((button) => button.removeAttribute("aria-label"));
  document.querySelectorAll(".theme-switch-button :is(i, svg)").forEach((icon) => {
    icon.removeAttribute("title");
    icon.querySelector("title")?.remove();
    icon.removeAttribute("aria-labelledby");
    icon.setAttribute("aria-hidden", "true");
  });
  document.querySelectorAll(".toctree-l1 > details > summary").forEach((triangle) => {
    const chapter = triangle.closest("li").querySelector("a").textContent.trim();
    triangle.setAttribute("aria-label", `Pages of ${chapter}`);
  });
}
agree();
addEventListener("load", agree); // icons become SVG in between
