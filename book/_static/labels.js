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

// Paper is white: the dark theme steps aside while a page is printed.
const paper = matchMedia("print");
let onScreen = document.documentElement.dataset.theme;
paper.addEventListener("change", () => {
  if (paper.matches) onScreen = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = paper.matches ? "light" : onScreen;
});

// A figure that scrolls on a phone can be scrolled by keyboard, too.
function reachFigures() {
  document.querySelectorAll(".cell_output:has(> figure)").forEach((box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
}
reachFigures();
addEventListener("load", reachFigures);
addEventListener("resize", reachFigures);
