// Brings the part that the reader is in into sight, where there is no room for all of them.

const here = document.querySelector(".bar nav [aria-current]");
if (here) {
  const nav = here.parentElement;
  const from = here.getBoundingClientRect().left - nav.getBoundingClientRect().left;
  nav.scrollLeft += from - (nav.clientWidth - here.offsetWidth) / 2;
}
