switches();
boardTools();
panel();
update();
document.documentElement.dataset.ready = "yes";
