// What a setting changes: labels of the target, size of the source, corrupted images.
function stepsFigures() {
  data.steps.forEach(({protocol, file, steps, models}, k) => {
    fill(`steps-${k}-caption`, `Mean of ${data.metrics[0].title}, shared classes, from ${protocol} away; bars are intervals over the test images, which all steps have in common. ` +
      `Neither switch nor metric changes this figure. ${file} has every source, and the paired change.`);
    const rows = Object.entries(models).map(([i, values]) => [data.models[i], values]);
    plot(`steps-${k}-figure`, rows.map(([model, values]) => {
      const known = values.map((value, x) => [x, value]).filter(([, value]) => value?.[0] != null);
      const bar = (end) => known.map(([, value]) => Math.abs((value[end] ?? value[0]) - value[0]));
      return {name: label(model.name, 24), mode: "lines+markers", x: known.map(([x]) => x), y: known.map(([, value]) => value[0]), line: {color: familyColour(model), width: 1.5},
        error_y: {type: "data", symmetric: false, array: bar(2), arrayminus: bar(1), width: 0, thickness: 1.5, color: familyColour(model)},
        hoverinfo: "text", hovertext: known.map(([x, value]) => `${plain(model.name)}, ${plain(steps[x])}: ${reach(value)}`)};
    }), {xaxis: {tickvals: steps.map((_, x) => x), ticktext: steps.map((name) => label(name, 20)), zeroline: false}, yaxis: {title: {text: data.metrics[0].title}}}, 420);
    numbers(`steps-${k}-numbers`, ["model", ...steps], rows.map(([model, values]) => [model.name, ...values.map((value) => value ? reach(value) : "\u2013")]));
  });
}

if (data.steps.length) drawLater("steps", stepsFigures);
