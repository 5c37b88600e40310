/* Two of the theme's buttons show words that their labels do not hold; screen readers and voice control need them to agree. */
function agree() {
  document.querySelectorAll(".search-button-field").forEach((button) => button.removeAttribute("aria-label"));
  document.querySelectorAll(".theme-switch-button :is(i, svg)").forEach((icon) => {
    icon.removeAttribute("title");
    icon.querySelector("title")?.remove();
    icon.removeAttribute("aria-labelledby");
    icon.setAttribute("aria-hidden", "true");
  });
}
agree();
addEventListener("load", agree); // icons become SVG in between
