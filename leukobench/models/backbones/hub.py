"""Networks that timm and torchvision know: a card for each name, made on demand.

Neither library imports on every machine, so both are imported when a card of theirs is asked for, and not before.
"""

from functools import lru_cache, partial

from leukobench.errors import UsageError, unknown
from leukobench.models.backbones.card import Backbone
from leukobench.models.backbones.libraries import import_deep

GET_TIMM = "pip install timm torchvision"
GET_TORCHVISION = "pip install torchvision"

MIDDLE = slice(-4, -1)
"""The stages that "multi_stage" averages, of all that a network has: the last three before its last."""

TORCHVISION_STAGES = {
    "resnet": ("layer1", "layer2", "layer3"),
    "resnext": ("layer1", "layer2", "layer3"),
    "wide_resnet": ("layer1", "layer2", "layer3"),
    "densenet": ("features.transition1", "features.transition2", "features.transition3"),
    "mobilenet_v2": ("features.3", "features.6", "features.13"),
    "convnext": ("features.1", "features.3", "features.5"),
}
"""Beginning of an architecture's name to the ends of its stages at 1/4, 1/8 and 1/16 (densenet: half of these)."""


@lru_cache(maxsize=32)
def timm_card(name):
    """The card of a network of timm with its pretrained weights, by the name that timm lists ("resnet50.a1_in1k")."""
    timm = import_deep("timm", GET_TIMM)
    if ":" in name:
        raise UsageError(f"timm:{name} names a file or a hub", "what such weights were trained on is not known here")
    architecture = name.split(".")[0]
    try:
        facts = timm.get_pretrained_cfg(name, allow_unregistered=False)
    except RuntimeError as error:
        known = [f"timm:{each}" for each in timm.list_models()]
        raise unknown("backbone", f"timm:{name}", known, see=f"timm.list_pretrained() has them ({error})") from error
    size = facts.input_size[-1]
    full_name = f"{architecture}.{facts.tag}" if facts.tag else architecture
    network = timm.create_model(full_name, pretrained=False, num_classes=0)
    maps = tuple((row["module"], row["num_chs"]) for row in network.feature_info)
    return Backbone(
        name=f"timm:{name}",
        load=partial(load_timm, full_name),
        weights=None,
        sha256="",
        dim=_measure(network, size)[0],
        input_size=size,
        mean=tuple(255 * value for value in facts.mean),
        std=tuple(255 * value for value in facts.std),
        pooling="as timm pools it",
        licence=facts.license or "not stated",
        origin=f"timm, {facts.hf_hub_id or facts.url}",
        source="Wightman 2019, doi 10.5281/zenodo.4414861",
        pretrained_on=(f"what timm's tag {facts.tag} stands for, no blood cells",),
        stages=maps[MIDDLE],
        libraries=("torch", "timm"),
        revision=full_name,
        install=GET_TIMM,
        help=timm_command(full_name),
    )


def timm_command(name):
    """The command that gets the weights of a network of timm."""
    return f"where there is a network: python -c \"import timm; timm.create_model('{name}', pretrained=True)\""


def load_timm(name, weights, input_size):
    """A network of timm without its classifier; UsageError where its weights cannot be fetched."""
    timm = import_deep("timm", GET_TIMM)
    try:
        network = timm.create_model(name, pretrained=True, num_classes=0)
    except (OSError, RuntimeError, ImportError) as error:
        raise not_fetched(f"timm:{name}", error, timm_command(name)) from error
    return at_size(network, input_size)


def at_size(network, input_size):
    """Vision transformers are made for one size; timm resamples their position embeddings to another."""
    if hasattr(network, "set_input_size"):
        network.set_input_size(img_size=(input_size, input_size))
    return network


def not_fetched(name, error, help):
    """The error that says why weights could not be fetched; `help` says how to get them."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return UsageError(f"the weights of {name} could not be fetched ({reason})", help)


def _measure(network, size, modules=()):
    """Length of the vector that one image gives, and the channels of what the modules inside give."""
    torch = import_deep("torch")
    channels = {}
    hooks = [
        network.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: channels.update({name: output.shape[1]})
        )
        for name in modules
    ]
    with torch.inference_mode():
        dim = network.eval()(torch.zeros(1, 3, size, size)).shape[1]
    for hook in hooks:
        hook.remove()
    return dim, tuple((name, channels[name]) for name in modules)


@lru_cache(maxsize=32)
def torchvision_card(name):
    """The card of a classifier of torchvision, by the name that it has there, without its last linear layer."""
    models = import_deep("torchvision.models", GET_TORCHVISION)
    known = models.list_models(module=models)
    if name not in known:
        raise unknown("backbone", f"torchvision:{name}", [f"torchvision:{each}" for each in known])
    weights = models.get_model_weights(name).DEFAULT
    preset = weights.transforms()
    network = _without_head(name, models.get_model(name, weights=None))
    size = preset.crop_size[0]
    modules = next((rows for start, rows in TORCHVISION_STAGES.items() if name.startswith(start)), ())
    dim, stages = _measure(network, size, modules)
    return Backbone(
        name=f"torchvision:{name}",
        load=partial(_load_torchvision, name),
        weights=None,
        sha256="",
        dim=dim,
        input_size=size,
        mean=tuple(255 * value for value in preset.mean),
        std=tuple(255 * value for value in preset.std),
        pooling="as torchvision pools it, before the last linear layer",
        licence=weights.meta.get("license", "BSD-3-Clause (torchvision)"),
        origin=f"torchvision, {weights.url}",
        source=weights.meta.get("recipe", weights.url),
        pretrained_on=(f"torchvision's {weights.name}, no blood cells",),
        stages=stages,
        libraries=("torch", "torchvision"),
        revision=weights.url,
        install=GET_TORCHVISION,
        help=_torchvision_command(name),
    )


def _torchvision_command(name):
    code = f"import torchvision; torchvision.models.get_model('{name}', weights='DEFAULT')"
    return f'where there is a network: python -c "{code}"'


def _load_torchvision(name, weights, input_size):
    models = import_deep("torchvision.models", GET_TORCHVISION)
    try:
        network = models.get_model(name, weights="DEFAULT")
    except (OSError, RuntimeError) as error:
        raise not_fetched(f"torchvision:{name}", error, _torchvision_command(name)) from error
    return _without_head(name, network)


def _without_head(name, network):
    torch = import_deep("torch")
    linear = [path for path, module in network.named_modules() if isinstance(module, torch.nn.Linear)]
    if not linear:
        raise UsageError(f"torchvision:{name} ends in no linear layer", "take another network of torchvision")
    network.set_submodule(linear[-1], torch.nn.Identity())
    return network
