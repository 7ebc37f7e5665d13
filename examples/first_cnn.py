"""A first CNN, from the images to what its channels do, in a few seconds.

Run: python examples/first_cnn.py, or cell by cell in an editor that knows `# %%`. Writes first_cnn.npz (a checkpoint),
first_cnn.svg (the network) and first_cnn.png (curves, mistakes, saliency) into the folder where it runs.
"""

# %% What is needed.
import sys

try:
    import matplotlib.pyplot as plt

    import minigrad as mg
    from minigrad import channels, nn, optim
    from minigrad.data import DataLoader, digits, random_split
    from minigrad.nn.functional import cross_entropy
except ModuleNotFoundError as error:
    raise SystemExit(f'{error.name} is not installed: python -m pip install -e ".[examples]" in the checkout') from None
if "--help" in sys.argv:
    print(__doc__)
    sys.exit()

# %% The data: 1,797 handwritten digits of 8×8 pixels. The network learns from 70 % of them.
mg.manual_seed(0)
train, valid, test = random_split(digits(), [0.7, 0.15, 0.15])
print(len(train), "images to learn from,", len(valid), "to watch,", len(test), "to judge by")

# %% The network and how it learns.
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(16 * 2 * 2, 10),
)  # fmt: skip
optimizer = optim.Adam(model.parameters(), lr=0.01)
curves = []
for epoch in range(1, 13):
    for x, y in DataLoader(train, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    with mg.no_grad():  # every image that it learned from, and images that it has never seen
        curves.append([cross_entropy(model(x), y).item() for x, y in (train[:], valid[:])])
    print("epoch {:2}: training loss {:.3f}, validation loss {:.3f}".format(epoch, *curves[-1]))

# %% The confusion matrix: rows are the true digits, columns what the network says.
images, labels = test[:]  # (269, 1, 8, 8) and (269,), kept until now
said = model(images).argmax(1)
confusion = mg.bincount(labels * 10 + said, minlength=100).reshape(10, 10)
print(f"{(said == labels).float().mean().item():.1%} of the test images are right")

# %% Saliency: which pixels does the winning score depend on? The gradient by the image says it.
x = images[:4].clone().requires_grad_()
model(x).amax(1).sum().backward()
saliency = x.grad.abs()[:, 0].numpy()  # (4, 8, 8)

# %% A checkpoint. Another day the same network goes on from it.
mg.save(model.state_dict(), "first_cnn.npz")
model.load_state_dict(mg.load("first_cnn.npz"))

# %% What the channels do: the second convolution sums over the eight maps of the first.
print(channels.explain(model, "3", images, lambda out: cross_entropy(out, labels)))
print(channels.survey(model, images))

# %% The pictures. In a notebook, the graph alone in a cell shows itself.
mg.graph(model, images[:1], title="a first CNN").save("first_cnn.svg")
_, axes = plt.subplot_mosaic("CCMM;CCMM;0123;abcd", figsize=(8, 8), layout="constrained")
axes["C"].legend(axes["C"].plot(range(1, len(curves) + 1), curves), ["training", "validation"])
axes["C"].set(xlabel="epoch", ylabel="cross-entropy (nats)")
axes["M"].imshow(confusion, cmap="Blues", norm="symlog")
axes["M"].set(title="test images", xlabel="said", ylabel="true", xticks=range(10), yticks=range(10))
for i, j in confusion.nonzero().tolist():
    axes["M"].text(j, i, confusion[i, j].item(), ha="center", va="center", color="white" if i == j else "black")
for i in range(4):
    axes[f"{i}"].imshow(images[i, 0].numpy(), cmap="gray_r")
    axes[f"{i}"].set(title=f"{labels[i].item()}, said {said[i].item()}", xticks=[], yticks=[])
    axes["abcd"[i]].imshow(saliency[i], cmap="Oranges")
    axes["abcd"[i]].set(title="saliency", xticks=[], yticks=[])
plt.savefig("first_cnn.png")
