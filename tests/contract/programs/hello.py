from qiskit_serverless import get_arguments, save_result

name = get_arguments()["name"]
print(f"Hello, {name}!")
save_result({"greeting": f"Hello, {name}!", "length": len(name)})
