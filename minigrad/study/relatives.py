"""Close relatives of the study, for the page's last part: what each looked at, in general terms, and no
figure."""

RELATIVES: list[tuple[str, str, str]] = [
    (
        "Operational neural networks",
        "Kiranyaz, Ince, Iosifidis & Gabbouj 2020, arXiv 1902.11106",
        "let each neuron choose its own operator, pooling operator and activation in place of product, sum and "
        "ReLU, and report gains of heterogeneous networks; the operators change together, so the sum is not "
        "isolated",
    ),
    (
        "Multiply-and-max/min neurons",
        "Prono, Bich, Boretti, Mangia, Pareschi, Rovatti & Setti, IEEE TNNLS",
        "replace the sum of products by their maximum plus their minimum and measure how far such layers can be pruned",
    ),
    (
        "AdderNet",
        "Chen et al., CVPR 2020",
        "replace the product by an L1 distance and keep the sum; accuracy on image classification, with a gradient "
        "and a learning rate made for it",
    ),
    (
        "Maxout",
        "Goodfellow et al., ICML 2013",
        "take a maximum over sums: the routing comes after the channels were added",
    ),
    (
        "Learned-norm units",
        "Gulcehre, Cho, Pascanu & Bengio, ECML PKDD 2014",
        "merge several projections by an Lp norm with a learned order, of which mean and maximum are special cases",
    ),
    (
        "Morphological networks",
        "Mondal, Santra, Mukherjee & Chanda, arXiv 1901.00109",
        "use dilation and erosion, a maximum or minimum of sums, as neurons; what they can approximate, and how "
        "they classify",
    ),
    (
        "Tropical convolutions",
        "Fan, Liu & Luo, arXiv 2103.02096; Li, Liu & Luo, arXiv 2504.06881",
        "put addition for the product and minimum or maximum for the sum, to save multiplications; accuracy and cost",
    ),
    (
        "Product units",
        "Durbin & Rumelhart, Neural Computation 1989",
        "multiply inputs raised to learned powers in place of adding them",
    ),
    (
        "Cosine normalisation",
        "Luo, Zhan, Wang & Yang 2018, arXiv 1702.05870",
        "bound the sum by dividing it by the norms of weights and input; test error beside other normalisations",
    ),
    (
        "Sum, mean and maximum over sets and graphs",
        "Xu et al. 2019 (GIN); Corso et al. 2020 (PNA); Rosenbluth, Toenshoff & Grohe 2023, arXiv 2302.11603",
        "ask which aggregation of neighbours can tell graphs apart or compute a function. It does not carry over: "
        "neighbours are interchangeable and vary in number, channels have weights of their own and are fixed in "
        "number",
    ),
    (
        "Xception, squeeze-and-excitation",
        "Chollet 2017; Hu, Shen & Sun 2018",
        "delay the sum over channels to a 1 × 1 convolution, or gate channels before it; they still add",
    ),
    (
        "Colour opponency",
        "Harris, Mihai & Hare, Neural Computation 2021",
        "find that networks with a narrow layer learn opponent colour cells: cancelling across channels is what "
        "such a cell is for",
    ),
    (
        "Saddles and balance of linear networks",
        "Saxe, McClelland & Ganguli 2014, arXiv 1312.6120; Du, Hu & Lee 2018, arXiv 1806.00900",
        "solve how deep linear networks leave plateaus, and show what gradient flow keeps constant between layers. On "
        "grey pictures w_R − w_B is kept in that way",
    ),
    (
        "The edge of stability",
        "Cohen, Kaur, Li, Kolter & Talwalkar 2021, arXiv 2103.00065",
        "find that full-batch descent lets the loss’s curvature grow until the step is just too long for it. Mirrored "
        "data reach that edge across first, and leave there",
    ),
    (
        "Injectivity of ReLU layers",
        "Puthawala, Kothari, Lassas, Dokmanić & de Hoop, JMLR 2022",
        "prove how many outputs a layer needs before nothing is lost: the exact form of “one filter loses, a bank "
        "keeps”",
    ),
]
