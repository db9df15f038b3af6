"""The image datasets that this plugin declares."""

from harness.specs import DatasetSpec, Ref, Source

DIGITS = Source(
    title="Optical Recognition of Handwritten Digits",
    authors="Ethem Alpaydin, Cenk Kaynak",
    year=1998,
    venue="UCI Machine Learning Repository",
)
FASHION_MNIST = Source(
    title="Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
    authors="Han Xiao, Kashif Rasul, Roland Vollgraf",
    year=2017,
    arxiv="1708.07747",
)
CIFAR = Source(
    title="Learning Multiple Layers of Features from Tiny Images",
    authors="Alex Krizhevsky",
    year=2009,
    venue="University of Toronto, technical report",
)

IMAGE_DATASETS = (
    DatasetSpec(
        name="digits",
        summary="1797 handwritten digits of 8x8 pixels with 17 grey levels, from scikit-learn",
        source=DIGITS,
        config=Ref("harness_data.digits:DigitsConfig"),
        build=Ref("harness_data.digits:build"),
        licence="CC BY 4.0",
    ),
    DatasetSpec(
        name="fashion_mnist",
        summary="70000 pictures of clothes of 28x28 pixels, from the Debian package or a folder",
        source=FASHION_MNIST,
        config=Ref("harness_data.fashion_mnist:FashionMnistConfig"),
        build=Ref("harness_data.fashion_mnist:build"),
        fingerprint=Ref("harness_data.fashion_mnist:fingerprint"),
        licence="MIT",
    ),
    DatasetSpec(
        name="idx_images",
        summary="images from a folder of four IDX files with MNIST's names",
        config=Ref("harness_data.idx_images:IdxImagesConfig"),
        build=Ref("harness_data.idx_images:build"),
        fingerprint=Ref("harness_data.idx_images:fingerprint"),
        licence="that of the files",
    ),
    DatasetSpec(
        name="cifar10",
        summary="60000 photographs of 32x32 pixels in 10 classes, from a folder with the published files",
        source=CIFAR,
        config=Ref("harness_data.cifar:CifarConfig"),
        build=Ref("harness_data.cifar:build_cifar10"),
        fingerprint=Ref("harness_data.cifar:fingerprint_cifar10"),
        licence="not stated by its authors",
    ),
    DatasetSpec(
        name="cifar100",
        summary="60000 photographs of 32x32 pixels in 100 fine classes, from a folder with the published files",
        source=CIFAR,
        config=Ref("harness_data.cifar:CifarConfig"),
        build=Ref("harness_data.cifar:build_cifar100"),
        fingerprint=Ref("harness_data.cifar:fingerprint_cifar100"),
        licence="not stated by its authors",
    ),
    DatasetSpec(
        name="image_folder",
        summary="any images in folders by split and class, as ImageNet is laid out",
        config=Ref("harness_data.image_folder:ImageFolderConfig"),
        build=Ref("harness_data.image_folder:build"),
        fingerprint=Ref("harness_data.image_folder:fingerprint"),
        licence="that of the files",
    ),
    DatasetSpec(
        name="hub_images",
        summary="any labelled images of the hub, by the package datasets",
        requires=("datasets",),
        config=Ref("harness_data.hub_images:HubImagesConfig"),
        build=Ref("harness_data.hub_images:build"),
        licence="that of the dataset",
    ),
)
