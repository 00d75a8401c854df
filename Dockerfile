FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
RUN useradd --system --no-create-home app && install -d -o app /app/.data
COPY . .
USER app
EXPOSE 8000
CMD ["python", "-m", "hospital_management.web", "--bind", "0.0.0.0"]
